"""Paths of a container's root, resolved once, to a descriptor.

For a process whose root *is* the container's (after the pivot): symlinks, absolute or with "..", then end
inside by themselves. What must still be kept out are the magic links of procfs (/proc/self/fd/N), which
would lead to whatever the setting-up process has open. Zone: lonely.
"""

import errno
import os
import stat

from sampan.linux import mount, process
from sampan.linux.openat2 import (
    RESOLVE_BENEATH,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    openat2,
)
from sampan.runtime.failure import OciError, invalid

_MODE = 0o755


def own_file(name: str, flags: int) -> int:
    """A file of /proc/self, before the pivot; of a procfs for sure, and with nothing mounted over it: a bind
    mount in its place would have another file written (CVE-2025-52881). Raises OciError, OSError."""
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if mount.fstatfs_type(proc) != mount.PROC_SUPER_MAGIC:
            raise OciError("Internal", "/proc is no procfs")
        resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV
        return openat2(proc, f"self/{name}".encode(), flags, resolve)
    finally:
        os.close(proc)


def open_path(root: int, path: str, flags: int = os.O_PATH, *, ordinary: bool = False) -> int:
    """`ordinary`: no symlink on the way at all. Raises OSError."""
    resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (RESOLVE_NO_SYMLINKS if ordinary else 0)
    return openat2(root, os.fsencode(path), flags, resolve)


def open_target(root: int, path: str, *, directory: bool, ordinary: bool = False) -> int:
    """O_PATH descriptor of a mount point; made (0755, with its parents) when it is not there."""
    try:
        fd = open_path(root, path, ordinary=ordinary)
    except FileNotFoundError:
        fd = _make(root, path, directory=directory)
    except OSError as error:
        if ordinary and error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise invalid(f'filesystem "{path}" must be mounted on ordinary directory') from None
        raise
    if ordinary and not stat.S_ISDIR(os.fstat(fd).st_mode):
        raise invalid(f'filesystem "{path}" must be mounted on ordinary directory')
    return fd


def _make(root: int, path: str, *, directory: bool) -> int:
    """From the last parent that is there, each opened before the next is made in it."""
    parent, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        raise invalid(f"mount destination {path} is not valid")
    fd = open_target(root, parent or "/", directory=True)
    try:
        return _step(fd, name, directory=directory)
    finally:
        os.close(fd)


def _step(parent: int, name: str, *, directory: bool) -> int:
    encoded = os.fsencode(name)
    try:
        return openat2(parent, encoded, os.O_PATH, RESOLVE_NO_MAGICLINKS)
    except FileNotFoundError:
        pass
    try:
        _create(parent, encoded, directory=directory)
    except OSError as error:
        if error.errno != errno.EOVERFLOW:
            raise
        # An idmapped mount does not know the machine's root: it belongs to whom the directory belongs to.
        owner = os.fstat(parent)
        process.setfsids(owner.st_uid, owner.st_gid)
        try:
            _create(parent, encoded, directory=directory)
        finally:
            process.setfsids(0, 0)
    flags = os.O_PATH | os.O_NOFOLLOW | (os.O_DIRECTORY if directory else 0)
    return openat2(parent, encoded, flags, RESOLVE_NO_SYMLINKS)


def _create(parent: int, name: bytes, *, directory: bool) -> None:
    if directory:
        os.mkdir(name, _MODE, dir_fd=parent)
    else:
        flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
        os.close(openat2(parent, name, flags, RESOLVE_NO_SYMLINKS, _MODE))
