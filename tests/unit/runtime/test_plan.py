"""Spec → steps. What the steps are, and that their order is the safe one."""

from typing import Any

import pytest

from sampan.linux import process
from sampan.oci import runtime as defaults
from sampan.runtime import operations as op
from sampan.runtime.failure import OciError
from sampan.runtime.plan import CgroupView, Plan, build
from sampan.runtime.protocol import Rootfs

ROOTFS = Rootfs(["/data/layers/2/diff", "/data/layers/1/diff"], "/data/c/diff", "/data/c/work", ["/run"])
V1 = CgroupView(None, (("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/sampan/x"),), (("cpu", "cpu,cpuacct"),))
V2 = CgroupView("/sys/fs/cgroup/sampan/x")


def spec(**linux: Any) -> dict[str, Any]:
    return {
        "process": {"args": ["true"], "terminal": linux.pop("terminal", False)},
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "box",
        "mounts": [*defaults.MOUNTS, *linux.pop("mounts", [])],
        "linux": {
            "namespaces": linux.pop("namespaces", defaults.namespaces(cgroup_private=False)),
            "maskedPaths": list(defaults.MASKED_PATHS),
            "readonlyPaths": list(defaults.READONLY_PATHS),
            **linux,
        },
    }


def plan(view: CgroupView = V1, **linux: Any) -> Plan:
    return build(spec(**linux), ROOTFS, "/run/x", view)


def _index(plan: Plan, kind: type) -> int:
    return next(i for i, step in enumerate(plan.operations) if isinstance(step, kind))


def test_host_paths_are_opened_before_the_pivot_and_used_after() -> None:
    bind = {"destination": "/v", "type": "bind", "source": "/srv/v", "options": ["rbind", "ro"]}
    steps = plan(mounts=[bind])
    sources = [i for i, step in enumerate(steps.operations) if isinstance(step, op.OpenSource)]
    attached = [i for i, step in enumerate(steps.operations) if isinstance(step, op.AttachSource)]
    private, pivot = _index(steps, op.MakePrivate), _index(steps, op.Pivot)
    # Before the host's mounts become private: a bind may ask for a shared one.
    assert max(sources) < private < _index(steps, op.MountOverlay) < pivot < min(attached)


def test_nothing_is_written_after_the_root_is_read_only() -> None:
    steps = plan(sysctl={"net.ipv4.ip_forward": "1"})
    assert isinstance(steps.operations[-1], op.ReadonlyRoot)
    assert _index(steps, op.SetSysctl) < _index(steps, op.ReadonlyPath) < _index(steps, op.MaskPath)


def test_trees_of_the_image_are_masked_before_the_mounts() -> None:
    steps = plan()
    assert _index(steps, op.Pivot) < _index(steps, op.MaskTree) < _index(steps, op.MountFilesystem)


def test_proc_sys_and_dev_take_no_symlink() -> None:
    ordinary = {s.destination: s.ordinary for s in plan().operations if isinstance(s, op.MountFilesystem)}
    assert [path for path, value in ordinary.items() if value] == ["/proc", "/dev", "/sys"]


def test_the_steps_print_themselves() -> None:
    lines = str(plan()).splitlines()
    assert "Pivot()" in lines
    assert "MakeDevice(path='/dev/null', kind='c', major=1, minor=3, mode=438, uid=0, gid=0)" in lines


def test_cgroups_of_v1_are_bound_without_a_namespace_and_mounted_with_one() -> None:
    bound = next(s for s in plan().operations if isinstance(s, op.MountCgroups))
    assert [name for name, _ in bound.directories] == ["cpu,cpuacct"]
    assert bound.links == (("cpu", "cpu,cpuacct"),)
    own = plan(namespaces=defaults.namespaces(cgroup_private=True))
    assert _index(own, op.EnterCgroups) < _index(own, op.Pivot) < _index(own, op.NewCgroupNamespace)
    assert any(isinstance(s, op.MountFilesystem) and s.fstype == "cgroup" for s in own.operations)


def test_cgroups_of_v2() -> None:
    own = plan(V2, namespaces=defaults.namespaces(cgroup_private=True))
    assert op.NewCgroupNamespace() in own.operations
    assert any(isinstance(s, op.MountFilesystem) and s.fstype == "cgroup2" for s in own.operations)
    bound = [s for s in plan(V2).operations if isinstance(s, op.OpenSource)]
    assert [s.path for s in bound] == ["/sys/fs/cgroup/sampan/x"]


def test_a_dev_of_the_users_own_is_left_alone() -> None:
    bind = {"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]}
    assert not any(isinstance(s, op.MakeDevice) for s in plan(mounts=[bind]).operations)


def test_namespaces() -> None:
    joined = [{"type": "mount"}, {"type": "network", "path": "/proc/7/ns/net"}]
    steps = build({**spec(namespaces=joined), "hostname": ""}, ROOTFS, "/run/x", V1)
    assert steps.clone_flags == process.CLONE_NEWNS
    assert steps.joins == ((process.CLONE_NEWNET, "/proc/7/ns/net"),)


@pytest.mark.parametrize(
    "linux",
    [
        {"namespaces": [{"type": "pid"}]},
        {"namespaces": [{"type": "mount"}, {"type": "user"}]},
        {"namespaces": [{"type": "mount"}]},  # with a hostname, but no UTS namespace
        {"sysctl": {"kernel.core_pattern": "|/x"}},
        {"mounts": [{"destination": "relative", "type": "tmpfs", "source": "tmpfs"}]},
        {"devices": [{"path": "/dev/x", "type": "z"}]},
        {"rootfsPropagation": "sometimes"},
    ],
)
def test_what_cannot_be_done_is_refused(linux: dict[str, Any]) -> None:
    with pytest.raises(OciError):
        plan(**linux)
