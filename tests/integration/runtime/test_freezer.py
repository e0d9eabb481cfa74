"""Freezing a real process, by v1's freezer and by v2's, wherever this machine has one of them."""

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from sampan.runtime import cgroup, cgroup_layout, freezer
from sampan.runtime.cgroup import Cgroup

pytestmark = pytest.mark.root
LAYOUT = cgroup_layout.detect()
VERSIONS = [
    *(["v1"] if LAYOUT.hierarchy("freezer") is not None else []),
    *(["v2"] if LAYOUT.unified is not None else []),
]


@pytest.fixture(params=VERSIONS)
def made(request: pytest.FixtureRequest) -> Iterator[Cgroup]:
    whole = cgroup.create(LAYOUT, f"/sampan-test-freezer/{os.getpid()}")
    kept = {"freezer": whole.controllers["freezer"]} if request.param == "v1" else {}
    yield whole._replace(controllers=kept)
    cgroup.destroy(whole)
    cgroup.destroy(cgroup.find(LAYOUT, "/sampan-test-freezer"))


def spent(pid: int) -> int:
    """Clock ticks in user mode (proc_pid_stat(5))."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[11])


@pytest.fixture
def busy(made: Cgroup) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    for directory in (made.unified, *made.directories.values()):
        with open(f"{directory}/cgroup.procs", "w") as file:
            file.write(str(process.pid))
    yield process
    freezer.release(made)
    process.kill()
    process.wait()


def test_freeze_and_thaw(made: Cgroup, busy: "subprocess.Popen[bytes]") -> None:
    assert not freezer.frozen(made)
    freezer.freeze(made)
    assert freezer.frozen(made)
    before = spent(busy.pid)
    time.sleep(0.2)  # nothing tells that nothing happens
    assert spent(busy.pid) == before
    freezer.thaw(made)
    assert not freezer.frozen(made)
    deadline = time.monotonic() + 20
    while spent(busy.pid) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert spent(busy.pid) > before


def test_what_is_frozen_can_be_destroyed(made: Cgroup, busy: "subprocess.Popen[bytes]") -> None:
    freezer.freeze(made)
    whole = cgroup.find(LAYOUT, f"/sampan-test-freezer/{os.getpid()}")
    if "freezer" not in whole.controllers or "freezer" not in made.controllers:
        freezer.release(made)
    cgroup.destroy(whole)
    assert busy.wait(10) == -9
    assert not freezer.frozen(made)


def test_nothing_there_is_not_frozen() -> None:
    gone = cgroup.find(LAYOUT, "/sampan-test-freezer/none")
    assert not freezer.frozen(gone)
    with pytest.raises(FileNotFoundError):
        freezer.freeze(gone)
