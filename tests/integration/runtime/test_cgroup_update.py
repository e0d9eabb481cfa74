"""Other limits for a cgroup that is there: all of them, or none."""

import os
from collections.abc import Iterator

import pytest

from sampan.runtime import cgroup, cgroup_layout, cgroup_update
from sampan.runtime.cgroup import Cgroup
from sampan.runtime.failure import OciError

pytestmark = pytest.mark.root
LAYOUT = cgroup_layout.detect()
MEGA = 1 << 20


@pytest.fixture
def made() -> Iterator[Cgroup]:
    whole = cgroup.create(LAYOUT, f"/sampan-test-update/{os.getpid()}")
    yield whole
    cgroup.destroy(whole)
    cgroup.destroy(cgroup.find(LAYOUT, "/sampan-test-update"))


def value(made: Cgroup, v1: tuple[str, str], v2: str) -> str:
    path = f"{made.unified}/{v2}" if made.pure else f"{made.controllers[v1[0]]}/{v1[1]}"
    with open(path) as file:
        return file.read().strip()


def memory(made: Cgroup) -> str:
    return value(made, ("memory", "memory.limit_in_bytes"), "memory.max")


def pids(made: Cgroup) -> str:
    return value(made, ("pids", "pids.max"), "pids.max")


def test_up_and_down_again(made: Cgroup) -> None:
    """v1 wants memory and swap in the right order, which is another one each way."""
    small, large = ({"memory": {"limit": n * MEGA, "swap": n * MEGA}} for n in (20, 90))
    cgroup.limit(made, small)
    cgroup_update.update(made, small, large)
    assert memory(made) == str(90 * MEGA)
    cgroup_update.update(made, large, small)
    assert memory(made) == str(20 * MEGA)
    cgroup_update.update(made, small, {"memory": {"limit": 90 * MEGA, "swap": -1}})
    assert memory(made) == str(90 * MEGA)


def test_what_the_kernel_refuses_takes_the_rest_back(made: Cgroup) -> None:
    old = {"memory": {"limit": 20 * MEGA}, "pids": {"limit": 5}}
    cgroup.limit(made, old)
    new = {"memory": {"limit": 30 * MEGA}, "pids": {"limit": 6}, "cpu": {"cpus": "4095"}}
    with pytest.raises(OciError, match=r"cpuset\.cpus"):
        cgroup_update.update(made, old, new)
    assert (memory(made), pids(made)) == (str(20 * MEGA), "5")


def test_it_can_be_taken_back(made: Cgroup) -> None:
    old = {"memory": {"limit": 20 * MEGA}, "pids": {"limit": 5}}
    cgroup.limit(made, old)
    updated = cgroup_update.update(made, old, {"memory": {"limit": 30 * MEGA}, "pids": {"limit": -1}})
    assert (memory(made), pids(made)) == (str(30 * MEGA), "max")
    cgroup_update.revert(updated)
    assert (memory(made), pids(made)) == (str(20 * MEGA), "5")


def test_what_is_not_there_is_a_warning(made: Cgroup) -> None:
    bare = made._replace(controllers={}) if not made.pure else made._replace(unified=f"{made.unified}/none")
    updated = cgroup_update.update(bare, {}, {"pids": {"limit": 5}})
    assert updated.undo == []
    assert "pids limit" in updated.warnings[0]
