"""Mappings of a user namespace."""

from typing import Any

import pytest

from sampan.linux import process
from sampan.runtime import operations as op
from sampan.runtime import userns
from sampan.runtime.failure import OciError
from sampan.runtime.plan import CgroupView, build
from sampan.runtime.protocol import Rootfs

MAPPED = [{"containerID": 0, "hostID": 1000, "size": 10}, {"containerID": 10, "hostID": 5000, "size": 20}]
LINUX = {"uidMappings": MAPPED, "gidMappings": MAPPED[:1]}


def test_ids() -> None:
    ids = userns.parse(LINUX)
    assert [ids.uid(number) for number in (0, 9, 10, 29, 30)] == [1000, 1009, 5000, 5019, -1]
    assert ids.gid(10) == -1


@pytest.mark.parametrize("linux", [{}, {"uidMappings": MAPPED}, {**LINUX, "gidMappings": MAPPED[1:]}])
def test_root_must_be_mapped(linux: dict[str, Any]) -> None:
    with pytest.raises(OciError, match="user"):
        userns.parse(linux)


def test_what_is_made_belongs_to_the_containers_root() -> None:
    spec = {
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/dev", "type": "tmpfs", "options": ["mode=755"]},
            {"destination": "/dev/pts", "type": "devpts", "options": ["gid=5"]},
            {"destination": "/v", "source": "/srv", "options": ["rbind"], **LINUX},
            {"destination": "/b", "source": "/b", "options": ["rbind"]},
        ],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "user"}, {"type": "network"}], **LINUX},
    }
    rootfs = Rootfs(["/l/1"], "/c/diff", "/c/work", [])
    plan = build(spec, rootfs, "/run/x", CgroupView("/sys/fs/cgroup/x"))
    assert plan.clone_flags & process.CLONE_NEWUSER
    assert plan.ids == userns.parse(LINUX)
    mounted = {step.fstype: step.data for step in plan.operations if isinstance(step, op.MountFilesystem)}
    assert mounted == {"tmpfs": ("uid=1000", "gid=1000", "mode=755"), "devpts": ("gid=1005",)}
    assert {(s.uid, s.gid) for s in plan.operations if isinstance(s, op.MakeDevice)} == {(1000, 1000)}
    mapped = [s.ids for s in plan.operations if isinstance(s, op.OpenSource)]
    assert mapped == [plan.ids, None]
    assert plan.mappings() == set()
    assert [s.idmapped for s in plan.operations if isinstance(s, op.MountOverlay)] == [True]
