"""A user namespace for a container: its ids, and namespaces that belong to it. Zone: lonely.

The child stays the machine's root while it sets up, and joins the user namespace only to become its process:
mounts, devices and cgroups are made as ever. Network, IPC and UTS namespaces belong to the user namespace
(a helper that lives for a moment makes them), so that root inside may do there what it is used to. Files of
layers and volumes keep their ids on the disk; the mounts that show them are idmapped (mount_setattr(2)).
"""

import errno
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from sampan.linux import process
from sampan.runtime.failure import invalid

_KINDS = {
    "user": process.CLONE_NEWUSER,
    "net": process.CLONE_NEWNET,
    "ipc": process.CLONE_NEWIPC,
    "uts": process.CLONE_NEWUTS,
}
OWNED = process.CLONE_NEWNET | process.CLONE_NEWIPC | process.CLONE_NEWUTS
_SIGKILL = 9


class Range(NamedTuple):
    inside: int
    outside: int
    size: int


class Ids(NamedTuple):
    """linux.uidMappings and gidMappings."""

    uids: tuple[Range, ...]
    gids: tuple[Range, ...]

    def uid(self, inside: int) -> int:
        return _outside(self.uids, inside)

    def gid(self, inside: int) -> int:
        return _outside(self.gids, inside)


class Helper(NamedTuple):
    """A process in the new namespaces. `files`: kind of namespace → open descriptor."""

    pid: int
    pidfd: int
    gate: int  # closed: it ends, also when we are killed
    files: dict[str, int]


def mappings(entry: dict[str, Any]) -> Ids:
    """Of a mount, from its ids on the disk to those that are shown; or of `linux`."""
    return Ids(*(_ranges(entry.get(key) or ()) for key in ("uidMappings", "gidMappings")))


def parse(linux: dict[str, Any]) -> Ids:
    """Raises OciError."""
    ids = mappings(linux)
    if not ids.uids or not ids.gids:
        raise invalid("user namespaces enabled, but no user or group mappings are given")
    if ids.uid(0) < 0 or ids.gid(0) < 0:
        raise invalid("user namespaces need a mapping of root")
    return ids


def make(ids: Ids, kinds: int) -> Helper:
    """`kinds`: CLONE_NEW* beside the user namespace. Raises OSError."""
    gate, end = os.pipe2(os.O_CLOEXEC)
    pid, pidfd = process.clone3(process.CLONE_NEWUSER | kinds)
    if pid == 0:
        os.close(end)
        os.read(gate, 1)
        os._exit(0)
    os.close(gate)
    helper = Helper(pid, pidfd, end, {})
    try:
        _write(f"/proc/{pid}/uid_map", ids.uids)
        _write(f"/proc/{pid}/gid_map", ids.gids)
        for name, flag in _KINDS.items():
            if flag & (process.CLONE_NEWUSER | kinds):
                helper.files[name] = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except BaseException:
        drop(helper)
        raise
    return helper


def open_mapped(ids: Ids) -> int:
    """A user namespace with nobody in it, for mounts (mount_setattr(2)); it goes with its descriptor. Raises
    OciError."""
    if not ids.uids or not ids.gids:
        raise invalid("a mount with mapped ids needs both uidMappings and gidMappings")
    try:
        helper = make(ids, 0)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if error.errno == errno.ENOSPC:  # user_namespaces(7)
            reason = "no more user namespaces are allowed here (user.max_user_namespaces)"
        raise invalid(f"cannot map the owners of a mount: {reason}") from None
    try:
        return os.dup(helper.files["user"])
    finally:
        drop(helper)


def joins(helper: Helper) -> list[tuple[int, int]]:
    """(descriptor, CLONE_NEW*) of what the child joins at once; the descriptors are the caller's."""
    return [(os.dup(fd), _KINDS[name]) for name, fd in helper.files.items() if name != "user"]


def drop(helper: Helper) -> None:
    """The namespaces stay as long as somebody is in them, or has them open."""
    process.pidfd_send_signal(helper.pidfd, _SIGKILL)
    os.waitpid(helper.pid, 0)
    os.close(helper.pidfd)
    os.close(helper.gate)
    for fd in helper.files.values():
        os.close(fd)


def _outside(ranges: Sequence[Range], inside: int) -> int:
    for one in ranges:
        if one.inside <= inside < one.inside + one.size:
            return one.outside + inside - one.inside
    return -1


def _ranges(entries: Sequence[dict[str, int]]) -> tuple[Range, ...]:
    return tuple(Range(e["containerID"], e["hostID"], e["size"]) for e in entries)


def _write(path: str, ranges: Sequence[Range]) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write("".join(f"{r.inside} {r.outside} {r.size}\n" for r in ranges).encode())
