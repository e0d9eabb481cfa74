"""Limits that bite, on whatever kind of cgroups this machine has."""

import os
import select
import time
from typing import Any

import pytest

from sampan.runtime import cgroup, cgroup_layout, container
from sampan.runtime.failure import OciError

pytestmark = pytest.mark.root
LAYOUT = cgroup_layout.detect()


def _has(controller: str) -> bool:
    if LAYOUT.pure:
        with open("/sys/fs/cgroup/cgroup.controllers") as file:
            return controller in file.read().split()
    return LAYOUT.hierarchy(controller) is not None


needs_memory = pytest.mark.skipif(not _has("memory"), reason="no memory controller")


@needs_memory
def test_memory_bites_and_is_told(box: Any) -> None:
    memory = {"limit": 16 << 20, "swap": 16 << 20}
    spec = box.spec(script="x=a; while :; do x=$x$x$x$x; done", resources={"memory": memory})
    result = box.run(spec)
    assert result.oom_killed
    assert result.code == -9


@needs_memory
def test_who_stays_below_is_not_told(box: Any) -> None:
    result = box.run(box.spec("true", resources={"memory": {"limit": 64 << 20, "swap": 64 << 20}}))
    assert (result.code, result.oom_killed) == (0, False)


@pytest.mark.skipif(not _has("pids"), reason="no pids controller")
def test_pids_bite(box: Any) -> None:
    spec = box.spec(
        script="for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo all", resources={"pids": {"limit": 5}}
    )
    output = box.run(spec).output
    assert "can't fork" in output
    assert "all" not in output


@pytest.mark.skipif(not _has("cpu"), reason="no cpu controller")
def test_cpu_bites(box: Any) -> None:
    """A fifth of a CPU: a second of work is not done in a second."""
    spec = box.spec(
        script="i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done",
        resources={"cpu": {"quota": 20000, "period": 100000}},
    )
    with box.created(spec) as (made, _):
        began, spent = time.monotonic(), os.times().children_user
        container.start(made)
        os.waitpid(made.pid, 0)
        used = os.times().children_user - spent
        assert time.monotonic() - began > used * 2.5


def test_a_refused_value_is_the_users_error(box: Any) -> None:
    if not _has("cpu"):
        pytest.skip("no cpu controller")
    with pytest.raises(OciError, match="failed to write") as caught:
        box.run(box.spec("true", resources={"cpu": {"quota": 1, "period": 100000}}))
    assert caught.value.kind == "InvalidArgument"


def test_what_is_missing_costs_one_warning(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = cgroup_layout.Layout(
        None, pure=False, hierarchies=[h for h in LAYOUT.hierarchies if h.name == "systemd"]
    )
    monkeypatch.setattr(container.cgroup_layout, "detect", lambda: bare)
    resources = {"memory": {"limit": 16 << 20, "swap": 16 << 20}, "pids": {"limit": 5}}
    result = box.run(box.spec("true", resources=resources))
    assert result.code == 0
    assert any("memory limit" in text for text in result.warnings)
    assert any("swap limit" in text for text in result.warnings)
    assert len(result.warnings) == len(set(result.warnings))


def test_leftovers_are_killed_and_nested_cgroups_removed(box: Any) -> None:
    """With the host's pids nothing dies with process 1."""
    spec = box.spec(script="for i in 1 2 3; do sleep 1000 & done; echo $! >&2; exit 0")
    spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "pid"]
    with box.created(spec) as (made, read_end):
        container.start(made)
        os.waitpid(made.pid, 0)
        left = os.pidfd_open(int(os.read(read_end, 100)))
        places = [d for d in (made.cgroup.unified, *made.cgroup.directories.values()) if d]
        for place in places:
            os.mkdir(f"{place}/nested")
        container.destroy(made)
        assert select.select([left], [], [], 0)[0] == [left]
        os.close(left)
        assert not any(os.path.exists(place) for place in places)


def test_exec_in_a_container_that_has_given_its_controllers_away(box: Any) -> None:
    """As systemd inside does: its own cgroup takes no process any more."""
    if not LAYOUT.pure:
        pytest.skip("only in v2")
    with box.created(box.spec("sleep", "100")) as (made, _):
        container.start(made)
        os.mkdir(f"{made.cgroup.unified}/init")
        with open(f"{made.cgroup.unified}/init/cgroup.procs", "w") as file:
            file.write(str(made.pid))
        with open(f"{made.cgroup.unified}/cgroup.subtree_control", "w") as file:
            file.write("+memory")
        assert box.execute(made, box.spec("cat", "/proc/self/cgroup")["process"]).output == "0::/init\n"


def test_two_containers_do_not_share_one(box: Any) -> None:
    with box.created(box.spec("sleep", "100")) as (made, _):
        container.start(made)
        with pytest.raises(OciError) as caught:
            container.create(box.launch(), box.spec("true"), container.Stdio(0, 1, 2))
        assert caught.value.kind == "Conflict"
        assert os.path.exists(f"/proc/{made.pid}")


def test_a_path_cannot_leave_the_tree(box: Any) -> None:
    for path in ("/../x", "/", "..", "/sampan/../../x"):
        with pytest.raises(OciError, match="cgroups path"):
            cgroup.create(LAYOUT, path)
