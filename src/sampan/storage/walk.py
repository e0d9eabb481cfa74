"""A tree, entry by entry, through descriptors only: no path is longer than one name, so depth does not
matter, and a link that somebody puts in the way leads nowhere.

Parents come before what is in them, names in the order of their bytes: the same tree is always told the same
way. An entry that vanishes meanwhile is passed over.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_XDEV, openat2

_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ESTALE))


class Entry(NamedTuple):
    """`fd`: O_PATH, borrowed until the next step; -1 for what is mounted there and not to be looked into.
    `done`: a directory that everything was told of."""

    path: bytes  # from the root of the walk; b"" for that itself
    fd: int
    status: os.stat_result
    done: bool = False


class _Level(NamedTuple):
    path: bytes
    fd: int
    status: os.stat_result
    names: Iterator[bytes]


def walk(root: int, *, one_filesystem: bool = False) -> Iterator[Entry]:
    """All below the directory `root` (borrowed), that itself first. `one_filesystem`: a mount is told of with
    `fd` -1 and not entered."""
    levels: list[_Level] = []
    try:
        status = os.fstat(root)
        levels.append(_Level(b"", os.dup(root), status, _names(root)))
        yield Entry(b"", root, status)
        while levels:
            level = levels[-1]
            name = next(level.names, None)
            if name is None:
                yield Entry(level.path, level.fd, level.status, done=True)
                os.close(levels.pop().fd)
                continue
            yield from _one(levels, level, name, one_filesystem=one_filesystem)
    finally:
        for level in levels:
            os.close(level.fd)


def _one(levels: list[_Level], level: _Level, name: bytes, *, one_filesystem: bool) -> Iterator[Entry]:
    path = level.path + b"/" + name if level.path else name
    try:
        fd = _open(level.fd, name, one_filesystem=one_filesystem)
    except OSError as error:
        if error.errno == errno.EXDEV:
            with suppress(FileNotFoundError):
                yield Entry(path, -1, os.stat(name, dir_fd=level.fd, follow_symlinks=False))
        elif error.errno not in _GONE:
            raise
        return
    try:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            inside = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            levels.append(_Level(path, inside, status, _names(inside)))
            yield Entry(path, inside, status)
        else:
            yield Entry(path, fd, status)
    finally:
        os.close(fd)


def _open(directory: int, name: bytes, *, one_filesystem: bool) -> int:
    if one_filesystem:
        return openat2(directory, name, _PATH, RESOLVE_BENEATH | RESOLVE_NO_XDEV)
    return os.open(name, _PATH, dir_fd=directory)


def _names(directory: int) -> Iterator[bytes]:
    copy = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return iter(sorted(map(os.fsencode, os.listdir(copy))))
    finally:
        os.close(copy)


def reading(fd: int) -> int:
    """A descriptor to read the regular file behind an O_PATH one: what was looked at is what is read."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def usage(path: str) -> int:
    """Bytes of the files below, each once, as Docker counts them; 0 where there is nothing. Somebody may
    change what is there, links included, while this looks."""
    try:
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        sizes = {
            entry.status.st_ino: entry.status.st_size
            for entry in walk(root)
            if not stat.S_ISDIR(entry.status.st_mode)
        }
    finally:
        os.close(root)
    return sum(sizes.values())
