"""What becomes of a HostConfig when some of it is to change."""

import pytest

from sampan.engine.containers.config import HostConfig, RestartPolicy
from sampan.engine.containers.update import merged
from sampan.errors import Conflict

MEGA = 1 << 20


def test_zero_and_empty_mean_as_it_is() -> None:
    old = HostConfig(memory=9 * MEGA, memory_swap=18 * MEGA, cpu_shares=7, cpuset_cpus="0", pids_limit=5)
    assert merged(old, HostConfig()) == old
    new = merged(old, HostConfig(cpu_shares=8, pids_limit=0, restart_policy=RestartPolicy(name="always")))
    assert (new.cpu_shares, new.cpuset_cpus, new.pids_limit, new.memory) == (8, "0", 0, 9 * MEGA)
    assert new.restart_policy.name == "always"
    assert old.cpu_shares == 7


def test_what_is_no_resource_is_ignored() -> None:
    assert merged(HostConfig(), HostConfig(privileged=True, binds=["/:/x"])) == HostConfig()


@pytest.mark.parametrize(
    ("old", "wanted", "words"),
    [
        ({"cpu_period": 5000}, {"nano_cpus": 1}, "Nano CPUs cannot be updated as CPU Period has already"),
        ({"cpu_quota": 5000}, {"nano_cpus": 1}, "Nano CPUs cannot be updated as CPU Quota has already"),
        ({"nano_cpus": 1}, {"cpu_period": 5000}, "CPU Period cannot be updated as NanoCPUs has already"),
        ({"nano_cpus": 1}, {"cpu_quota": 5000}, "CPU Quota cannot be updated as NanoCPUs has already"),
        ({}, {"memory": 9 * MEGA}, "Memory limit should be smaller than already set memoryswap limit"),
        ({"memory_swap": 8 * MEGA}, {"memory": 9 * MEGA}, "Memory limit should be smaller than already set"),
        ({"auto_remove": True}, {"restart_policy": RestartPolicy(name="always")}, "because AutoRemove is"),
    ],
)
def test_what_does_not_go_together(old: dict[str, int], wanted: dict[str, int], words: str) -> None:
    with pytest.raises(Conflict, match=words):
        merged(HostConfig(**old), HostConfig(**wanted))


def test_a_period_of_minus_one_is_no_conflict() -> None:
    assert merged(HostConfig(nano_cpus=1), HostConfig(cpu_quota=-1)).cpu_quota == -1
