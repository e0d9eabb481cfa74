"""One container's cgroups: make, limit, enter, watch for OOM, empty, remove. In the monitor.

A controller that is missing costs its limit and one warning, never the container. A limit that the
kernel *refuses* (a quota of 1, a CPU that is not there) is the user's error.
"""

import contextlib
import errno
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sampan.linux import bpf, process
from sampan.runtime import cgroup_limits, device_rules
from sampan.runtime.cgroup_layout import Hierarchy, Layout, own_path
from sampan.runtime.cgroup_limits import Write
from sampan.runtime.failure import OciError, invalid
from sampan.runtime.plan import CgroupView

PARENT = "/sampan"
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")
_PATIENCE = 10.0  # seconds for killed processes to be gone
_SIGKILL = 9
# Nothing there to write to; EPERM, EACCES, EROFS: not ours to write (nested); EOPNOTSUPP: not with the I/O
# scheduler of this disk (block/bfq-cgroup.c).
_LOST = (errno.ENOENT, errno.EPERM, errno.EACCES, errno.EROFS, errno.EOPNOTSUPP)


class Cgroup(NamedTuple):
    unified: str | None  # directory in the v2 tree
    pure: bool
    directories: Mapping[str, str]  # v1: name of the hierarchy → directory
    controllers: Mapping[str, str]  # v1: controller → directory
    warnings: list[str]


def create(layout: Layout, path: str) -> Cgroup:
    """The directories, and nothing in them. `path`: the spec's cgroupsPath, "/sampan/ID"."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if not names or ".." in names:
        raise invalid(f"cgroups path {path!r} is not valid")
    warnings: list[str] = []
    unified = None
    if layout.unified is not None:
        unified = _make_v2(layout.unified, names, warnings, controllers=layout.pure)
    elif layout.pure:
        warnings.append("The cgroup tree is not writable. Limitations discarded.")
    directories, controllers = {}, {}
    for hierarchy in layout.hierarchies:
        if (directory := _make_v1(hierarchy, names, warnings)) is not None:
            directories[hierarchy.name] = directory
            controllers.update(dict.fromkeys(hierarchy.controllers, directory))
    return Cgroup(unified, layout.pure, directories, controllers, warnings)


def find(layout: Layout, path: str) -> Cgroup:
    """What `create` made, or would have made; for who was not there."""
    unified = None if layout.unified is None else layout.unified + path
    directories = {hierarchy.name: hierarchy.base + path for hierarchy in layout.hierarchies}
    controllers = {
        controller: directories[hierarchy.name]
        for hierarchy in layout.hierarchies
        for controller in hierarchy.controllers
    }
    return Cgroup(unified, layout.pure, directories, controllers, [])


def view(cgroup: Cgroup, layout: Layout) -> CgroupView:
    if cgroup.pure:
        return CgroupView(cgroup.unified or "/sys/fs/cgroup")
    links = [
        (controller, h.name)
        for h in layout.hierarchies
        if len(h.controllers) > 1
        for controller in sorted(h.controllers)
    ]
    return CgroupView(None, tuple(cgroup.directories.items()), links)


def open_birthplace(cgroup: Cgroup) -> int | None:
    """A descriptor for CLONE_INTO_CGROUP."""
    if cgroup.unified is None:
        return None
    return os.open(cgroup.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_birthplace_beside(cgroup: Cgroup, pid: int) -> int | None:
    """The same for a further process where ours takes none, since the container has given its controllers
    to children of its own (EBUSY; cgroups(7), "no internal processes"): the cgroup of process 1, as runc.
    """
    if cgroup.unified is None:
        return None
    path = own_path(_read(f"/proc/{pid}/cgroup"), None)
    tail = f"/{os.path.basename(cgroup.unified)}"
    _, found, below = path.partition(tail + "/")
    if not found or ".." in below.split("/"):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), cgroup.unified)
    return os.open(f"{cgroup.unified}/{below}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def limit(cgroup: Cgroup, resources: Mapping[str, Any]) -> None:
    """Raises OciError when the kernel refuses a value."""
    if cgroup.pure:
        for write in cgroup_limits.v2(resources):
            _set(cgroup, cgroup.unified, write)
        _limit_devices_v2(cgroup, resources.get("devices"))
        return
    for write in cgroup_limits.v1(resources):
        _set(cgroup, cgroup.controllers.get(write.controller), write)
    _limit_devices_v1(cgroup, resources.get("devices"))


def pids(cgroup: Cgroup) -> list[int]:
    """The processes in it and below it, by the host's numbers."""
    directory = cgroup.unified if cgroup.pure else next(iter(cgroup.directories.values()), cgroup.unified)
    found: list[int] = []
    for place, _, files in os.walk(directory or ""):
        if "cgroup.procs" in files:
            with contextlib.suppress(OSError):  # gone, or a threaded one (cgroups(7)): its root lists it
                found += map(int, _read(f"{place}/cgroup.procs").split())
    return found


def oom_kills(cgroup: Cgroup) -> int:
    """How many processes the kernel's OOM killer has taken from it."""
    if cgroup.pure:
        return _counter(f"{cgroup.unified}/memory.events", "oom_kill")
    if (memory := cgroup.controllers.get("memory")) is None:
        return 0
    return _counter(f"{memory}/memory.oom_control", "oom_kill")


def destroy(cgroup: Cgroup) -> None:
    """Kill what is left, remove the directories (with what the container has made below them)."""
    for directory in _all(cgroup):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                raise
            _empty(cgroup)
            _remove_tree(directory)


def _all(cgroup: Cgroup) -> list[str]:
    unified = [] if cgroup.unified is None else [cgroup.unified]
    return [*unified, *cgroup.directories.values()]


def _make_v2(base: str, names: Sequence[str], warnings: list[str], *, controllers: bool) -> str | None:
    try:
        return _make(base, names, _enable if controllers else None)
    except OSError as error:
        if error.errno not in _LOST:
            raise
        if controllers:
            warnings.append("The cgroup tree is not writable. Limitations discarded.")
        return None


def _make_v1(hierarchy: Hierarchy, names: Sequence[str], warnings: list[str]) -> str | None:
    try:
        return _make(hierarchy.base, names, _inherit_cpuset if "cpuset" in hierarchy.controllers else None)
    except OSError as error:
        if error.errno not in _LOST:
            raise
        warnings.append(f"The cgroup hierarchy {hierarchy.name} is not writable. Its limits are discarded.")
        return None


def _make(base: str, names: Sequence[str], prepare: Callable[[str, str], None] | None) -> str:
    """The directory, and those above it that are not there, each prepared to have children."""
    directory = "/".join((base, *names))
    try:
        if f"/{names[0]}" != PARENT:  # whoever made what is there may not have prepared it
            _make_above(base, names, prepare)
        os.mkdir(directory, 0o755)
    except FileNotFoundError:
        _make_above(base, names, prepare)
        os.mkdir(directory, 0o755)
    except FileExistsError:
        if _read(f"{directory}/cgroup.procs").strip():
            raise OciError("Conflict", f"container's cgroup is not empty: {directory}") from None
    return directory


def _make_above(base: str, names: Sequence[str], prepare: Callable[[str, str], None] | None) -> None:
    parent = base
    for name in names[:-1]:
        below = f"{parent}/{name}"
        if not os.path.isdir(below):
            os.mkdir(below, 0o755)
        if prepare is not None:
            prepare(parent, below)
        parent = below


def _enable(parent: str, directory: str) -> None:
    """Hand the controllers on to the children (cgroups(7), cgroup.subtree_control). What does not go (a
    controller that a real-time process holds, a nested cgroup with processes of its own) stays away, and
    is missed when a limit needs it."""
    for place in (parent, directory):
        available = _read(f"{place}/cgroup.controllers").split()
        enabled = _read(f"{place}/cgroup.subtree_control").split()
        for name in _V2_CONTROLLERS:
            if name in available and name not in enabled:
                try:
                    _write(f"{place}/cgroup.subtree_control", f"+{name}")
                except OSError:
                    continue


def _inherit_cpuset(parent: str, directory: str) -> None:
    """A new cpuset of v1 is empty and takes no process; its children get its values (cpuset(7))."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not _read(f"{directory}/{file}").strip():
            _write(f"{directory}/{file}", _read(f"{parent}/{file}").strip())
    _write(f"{directory}/cgroup.clone_children", "1")


def _set(cgroup: Cgroup, directory: str | None, write: Write) -> None:
    if directory is None:
        _warn(cgroup, write.missing)
        return
    try:
        _write(f"{directory}/{write.file}", write.value)
    except OSError as error:
        if error.errno == errno.ENOENT and write.other:
            _set(cgroup, directory, write._replace(file=write.other, other=""))
            return
        if error.errno in _LOST:
            _warn(cgroup, write.missing)
            return
        text = f'error setting cgroup config: failed to write "{write.value}": {write.file}: '
        raise OciError("InvalidArgument", text + os.strerror(error.errno or 0).lower()) from None


def _warn(cgroup: Cgroup, text: str) -> None:
    if text and text not in cgroup.warnings:
        cgroup.warnings.append(text)


def _limit_devices_v1(cgroup: Cgroup, rules: Sequence[Mapping[str, Any]] | None) -> None:
    directory = cgroup.controllers.get("devices")
    if directory is None:
        if rules:
            _warn(cgroup, "The devices cgroup is not mounted. Device access is not limited.")
        return
    files = {name: os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CLOEXEC) for name in _DEVICE_FILES}
    try:
        for name, line in device_rules.lines(device_rules.complete(rules)):
            os.write(files[name], line.encode())
    finally:
        for fd in files.values():
            os.close(fd)


_DEVICE_FILES = ("devices.allow", "devices.deny")


def _limit_devices_v2(cgroup: Cgroup, rules: Sequence[Mapping[str, Any]] | None) -> None:
    wanted = device_rules.policy(device_rules.complete(rules))
    if cgroup.unified is None or (wanted.allow and not wanted.exceptions):
        return
    directory = os.open(cgroup.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        program = bpf.load_device_program(device_rules.program(wanted))
        try:
            bpf.attach_device_program(directory, program)
        finally:
            os.close(program)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSYS):
            raise
        _warn(cgroup, "The kernel does not let us load a device program. Device access is not limited.")
    finally:
        os.close(directory)


def _empty(cgroup: Cgroup) -> None:
    """SIGKILL to everything, also what forks meanwhile; wait until it is gone."""
    deadline = time.monotonic() + _PATIENCE
    _kill_whole(cgroup)
    while pidfds := [fd for directory in _all(cgroup) for fd in _members(directory)]:
        try:
            _thaw(cgroup)
            _kill_and_wait(pidfds, deadline)
        finally:
            for fd in pidfds:
                os.close(fd)
        if time.monotonic() > deadline:
            raise OciError("Internal", "processes of the container do not go away")


def _kill_whole(cgroup: Cgroup) -> None:
    if cgroup.unified is not None:
        with contextlib.suppress(OSError):
            _write(f"{cgroup.unified}/cgroup.kill", "1")  # Linux 5.14


def _thaw(cgroup: Cgroup) -> None:
    """v1 lets no signal through to a frozen process, SIGKILL neither."""
    if (freezer := cgroup.controllers.get("freezer")) is not None:
        with contextlib.suppress(OSError):
            _write(f"{freezer}/freezer.state", "THAWED")


def _kill_and_wait(pidfds: Sequence[int], deadline: float) -> None:
    poll = select.poll()
    waiting = 0
    for fd in pidfds:
        try:
            process.pidfd_send_signal(fd, _SIGKILL)
        except ProcessLookupError:
            continue
        poll.register(fd, select.POLLIN)
        waiting += 1
    while waiting > 0 and (left := deadline - time.monotonic()) > 0:
        ready = poll.poll(left * 1000)
        if not ready:
            return
        for fd, _ in ready:
            poll.unregister(fd)
        waiting -= len(ready)


def _members(directory: str) -> list[int]:
    """Pidfds of the processes in a cgroup and below it."""
    found = []
    for place, _, files in os.walk(directory):
        if "cgroup.procs" not in files:
            continue
        for pid in _read(f"{place}/cgroup.procs").split():
            try:
                found.append(os.pidfd_open(int(pid)))
            except OSError:
                continue
    return found


def _remove_tree(directory: str) -> None:
    for place, _, _ in os.walk(directory, topdown=False):
        try:
            os.rmdir(place)
        except FileNotFoundError:
            continue


def _counter(path: str, name: str) -> int:
    try:
        lines = _read(path).splitlines()
    except OSError:
        return 0
    for line in lines:
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _write(path: str, value: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, os.fsencode(value))
    finally:
        os.close(fd)


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1024 * 1024).decode("ascii", "replace")
    finally:
        os.close(fd)
