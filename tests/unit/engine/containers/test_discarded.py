"""What a machine cannot limit: warned of once, in Docker's words, and taken out."""

from typing import Any

import pytest

from sampan.engine.containers import check_resources, discarded
from sampan.engine.containers.config import HostConfig, ThrottleDevice, WeightDevice
from sampan.engine.facts import Facts
from sampan.errors import InvalidArgument

DISK = [ThrottleDevice(path="/dev/x", rate=1)]


def machine(*features: str) -> Facts:
    return Facts("h", "6.1", "Debian", "12", "x86_64", 2, 1 << 30, 1, frozenset(), "", frozenset(features))


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        (
            {"memory": 64 << 20},
            "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation"
            " discarded.",
        ),
        (
            {"memory_swappiness": 5},
            "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory"
            " swappiness discarded.",
        ),
        (
            {"blkio_weight": 100},
            "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
        ),
        (
            {"blkio_weight_device": [WeightDevice(path="/dev/x", weight=10)]},
            "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device"
            " discarded.",
        ),
        (
            {"blkio_device_read_bps": DISK},
            "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O"
            " BPS read limit discarded.",
        ),
        (
            {"blkio_device_write_iops": DISK},
            "Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS"
            " write limit discarded.",
        ),
        (
            {"cpuset_cpus": "0"},
            "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.",
        ),
        (
            {"cpu_quota": 5000},
            "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
        ),
        (
            {"oom_kill_disable": True},
            "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
        ),
    ],
)
def test_warnings(fields: dict[str, Any], warning: str) -> None:
    host = HostConfig(**fields)
    assert discarded.discard(host, machine()) == [warning]
    assert discarded.discard(host, machine()) == []  # nothing is left to discard


def test_swap_alone() -> None:
    host = HostConfig(memory=64 << 20, memory_swap=128 << 20)
    assert discarded.discard(host, machine("memory")) == [
        "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited"
        " without swap."
    ]
    assert (host.memory, host.memory_swap) == (64 << 20, -1)


def test_no_oom_killer_without_a_limit() -> None:
    found = discarded.discard(HostConfig(oom_kill_disable=True), machine("oom"))
    assert found[0].startswith("OOM killer is disabled for the container, but no memory limit is set")
    assert (
        discarded.discard(HostConfig(oom_kill_disable=True, memory=9 << 20), machine("oom", "memory", "swap"))
        == []
    )


@pytest.mark.parametrize("field", ["nano_cpus", "cpu_realtime_period", "cpu_realtime_runtime"])
def test_refused(field: str) -> None:
    fields: dict[str, Any] = {field: 1}
    with pytest.raises(InvalidArgument, match="support"):
        check_resources.check(HostConfig(**fields), machine())
