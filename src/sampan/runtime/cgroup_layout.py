"""Where cgroups are on this machine: v2, v1, or v1 with an empty v2 tree beside it (hybrid).

The parsers are pure; `detect` reads /proc.
"""

import functools
import os
from collections.abc import Sequence
from typing import NamedTuple

from sampan.linux import mount
from sampan.linux.mount import CGROUP2_SUPER_MAGIC

ROOT = "/sys/fs/cgroup"
_CONTROLLERS = frozenset(  # of cgroups(7)
    [
        "cpu",
        "cpuacct",
        "cpuset",
        "memory",
        "devices",
        "freezer",
        "blkio",
        "pids",
        "net_cls",
        "net_prio",
        "perf_event",
        "hugetlb",
        "rdma",
        "misc",
    ]
)


class Hierarchy(NamedTuple):
    """One v1 mount."""

    name: str  # of its directory: "cpu,cpuacct", "systemd"
    controllers: frozenset[str]  # empty for a named one
    base: str  # host directory that ours go into


class Layout(NamedTuple):
    unified: str | None  # base directory in the v2 tree; None: there is none that we can write
    pure: bool  # v2 is all there is
    hierarchies: Sequence[Hierarchy] = ()

    def hierarchy(self, controller: str) -> Hierarchy | None:
        for hierarchy in self.hierarchies:
            if controller in hierarchy.controllers:
                return hierarchy
        return None


class _Mounted(NamedTuple):
    version: int
    point: str
    options: frozenset[str]


@functools.cache
def detect() -> Layout:
    """Raises OSError without /proc. A machine without any cgroup gives an empty layout.

    Cached, against the house's habit: reading mountinfo costs 0.4 ms of every start, and the launcher
    does it once for all (`runtime.container.warm`).
    """
    if _is_v2(ROOT):
        return Layout(_base(ROOT, _read("/proc/self/cgroup"), None), pure=True)
    mounted = parse_mounts(_read("/proc/self/mountinfo"))
    own = _read("/proc/self/cgroup")
    unified = next((m.point for m in mounted if m.version == 2), None)
    hierarchies = [
        Hierarchy(os.path.basename(m.point), m.options & _CONTROLLERS, _base(m.point, own, m.options))
        for m in mounted
        if m.version == 1
    ]
    if unified is not None and not os.access(unified, os.W_OK):
        unified = None
    return Layout(unified, pure=False, hierarchies=hierarchies)


def parse_mounts(mountinfo: str) -> list[_Mounted]:
    """The cgroup mounts of /proc/PID/mountinfo (proc_pid_mountinfo(5)); the last one of a kind wins."""
    found: dict[frozenset[str], _Mounted] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - cgroup")
        if not after or not (before_fields := before.split(" ")):
            continue
        version = 2 if after.startswith("2") else 1
        options = frozenset(after.split(" ")[-1].split(",")) - {"rw", "ro"}
        named = frozenset(o for o in options if o in _CONTROLLERS or o.startswith("name="))
        key = named if version == 1 else frozenset(("2",))
        found[key] = _Mounted(version, before_fields[4], named)
    return list(found.values())


def own_path(cgroups: str, options: frozenset[str] | None) -> str:
    """Ours in one hierarchy, from /proc/self/cgroup (cgroups(7)); `options` None: v2."""
    for line in cgroups.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if (options is None and names == "") or (options and names and set(names.split(",")) <= options):
            return path
    return "/"


def _base(point: str, cgroups: str, options: frozenset[str] | None) -> str:
    """The hierarchy's root; where that is not ours to write (nested), our own cgroup in it."""
    if os.access(point, os.W_OK):
        return point
    path = own_path(cgroups, options).rstrip("/")
    return point + path if os.access(point + path, os.W_OK) else point


def _is_v2(path: str) -> bool:
    try:
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return mount.fstatfs_type(fd) == CGROUP2_SUPER_MAGIC
    finally:
        os.close(fd)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
