"""`tmpcopyup`, runc's extension: a tmpfs begins with what lies below its mount point. In the child.

Every step is by descriptor and follows no symlink: the tree is the image's.
"""

import os
import stat

_CHUNK = 1024 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_tree(source: int, target: int) -> None:
    """The contents of one directory into another, with mode and owner; no devices, no sockets. Both may be
    O_PATH. Raises OSError."""
    here, there = (os.open(".", _DIRECTORY, dir_fd=fd) for fd in (source, target))
    try:
        _copy_attributes(os.fstat(here), there)
        for entry in os.listdir(here):
            _copy(entry, here, there)
    finally:
        os.close(here)
        os.close(there)


def _copy(name: str, source: int, target: int) -> None:
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    elif kind == stat.S_IFDIR:
        os.mkdir(name, 0o700, dir_fd=target)
        pair = [os.open(name, _DIRECTORY, dir_fd=fd) for fd in (source, target)]
        copy_tree(*pair)
        for fd in pair:
            os.close(fd)
    elif kind == stat.S_IFREG:
        _copy_file(name, source, target, status)


def _copy_file(name: str, source: int, target: int, status: os.stat_result) -> None:
    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    writing = os.open(name, flags, 0o600, dir_fd=target)
    while chunk := os.read(reading, _CHUNK):
        while chunk:
            chunk = chunk[os.write(writing, chunk) :]
    _copy_attributes(status, writing)
    os.close(reading)
    os.close(writing)


def _copy_attributes(status: os.stat_result, fd: int) -> None:
    os.fchown(fd, status.st_uid, status.st_gid)
    os.fchmod(fd, stat.S_IMODE(status.st_mode))
