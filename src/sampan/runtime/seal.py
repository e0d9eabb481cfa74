"""The interpreter that containers may see, sealed: nobody can write to it, whatever he does (CVE-2019-5736).

The process that becomes a container's, and an exec's, is a Python interpreter until its execve(2). A program
given as /proc/self/exe, or somebody who opens /proc/PID/exe in time, holds the machine's own python3; root in
a container may write to that file as root on the machine may. So the launcher, and with it every monitor
and starter, runs from a copy that is none:

1. an overlay of the interpreter's directory without an upper layer, attached nowhere. No mount leads to it,
   so none can be remounted; opening for writing is EROFS. It shares the page cache of the file below it,
   and costs no memory (runc: libcontainer/exeseal).
2. where the kernel has no overlayfs, or stacks it no deeper: a memfd with all seals. That is a real copy.

Zone: calm (a thread of the daemon, once per launcher). sampan-runtime begins with it, each time: it imports
next to nothing.
"""

from __future__ import annotations

import fcntl
import os

from sampan.linux import mount
from sampan.linux.mount import MOUNT_ATTR_RDONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_MFD_EXEC = 0x10  # Linux 6.3
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_CHUNK = 1 << 30  # sendfile(2) takes no more than 2 GiB


def sealed(program: str, warn: Callable[[str], object]) -> int | None:
    """A descriptor of `program` to be executed through /proc/self/fd; the caller's. None: not to be had here,
    which `warn` is told."""
    real = os.path.realpath(program)
    reasons = []
    for kind, make in (("an overlay", overlay), ("a memfd", memfd)):
        try:
            return make(real)
        except OSError as error:
            reasons.append(f"{kind}: {error.strerror or error}")
    warn(f"containers can reach {real}, which could not be sealed ({'; '.join(reasons)})")
    return None


def overlay(program: str) -> int:
    """Raises OSError."""
    directory, name = os.path.split(program)
    tree = _read_only_overlay(directory)
    try:
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=tree)
    finally:
        os.close(tree)


def _read_only_overlay(directory: str) -> int:
    """Without an upper layer overlayfs wants two lower ones: the second is a directory that is gone at once.
    Both by descriptor, because a path's colons and commas would mean something."""
    empty = f"/tmp/sampan-seal-{os.urandom(8).hex()}"
    os.mkdir(empty, 0o700)
    context, fds = mount.fsopen("overlay"), [os.open(path, _DIRECTORY) for path in (directory, empty)]
    try:
        layers = ":".join(f"/proc/self/fd/{fd}" for fd in fds)
        mount.fsconfig_string(context, "source", "overlay")
        mount.fsconfig_string(context, "lowerdir", layers)
        mount.fsconfig_create(context)
        return mount.fsmount(context, MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV)
    finally:
        for fd in (context, *fds):
            os.close(fd)
        os.rmdir(empty)


def memfd(program: str) -> int:
    """Raises OSError."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        fd = os.memfd_create("sampan-python", flags | _MFD_EXEC)
    except OSError:  # EINVAL: before Linux 6.3 every memfd may be executed
        fd = os.memfd_create("sampan-python", flags)
    try:
        with open(program, "rb") as source:
            while os.sendfile(fd, source.fileno(), None, _CHUNK):
                pass
        os.fchmod(fd, 0o555)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        return os.open(f"/proc/self/fd/{fd}", os.O_PATH | os.O_CLOEXEC)  # not the one it was written by
    finally:
        os.close(fd)
