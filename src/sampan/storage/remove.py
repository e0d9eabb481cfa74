"""Deletes trees without following anything: no link, and no mount.

`shutil.rmtree` would delete through a mount that was forgotten inside; this refuses to cross one.
"""

import contextlib
import errno
import os
import stat
from typing import NamedTuple

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: str) -> None:
    """Delete `path` and all below; nothing to do where it is missing."""
    parent, name = os.path.split(path.rstrip("/"))
    descriptor = os.open(parent or ".", _DIRECTORY)
    try:
        remove_at(descriptor, os.fsencode(name))
    except FileNotFoundError:
        pass
    finally:
        os.close(descriptor)


def remove_at(parent: int, name: bytes) -> None:
    """Delete `name` in the directory `parent`, whatever it is. EBUSY: something is mounted inside."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=parent)
        return
    device = os.fstat(parent).st_dev
    _empty(parent, name, device)
    os.rmdir(name, dir_fd=parent)


class _Level(NamedTuple):
    """A directory on the way down. `place`: device and inode; `entries` left: (name, is a directory)."""

    name: bytes
    place: tuple[int, int]
    entries: list[tuple[bytes, bool]]


def _empty(parent: int, name: bytes, device: int) -> None:
    """With one descriptor, and without recursion: a container may make trees of any depth."""
    current = _enter(parent, name, device)
    try:
        levels = [_level(name, current)]
        while True:
            below = _next_directory(current, levels[-1].entries)
            if below is not None:
                with contextlib.suppress(FileNotFoundError):
                    following = _enter(current, below, device)
                    os.close(current)
                    current = following
                    levels.append(_level(below, current))
                continue
            done = levels.pop()
            if not levels:
                return
            above = _leave(current, levels[-1].place)
            os.close(current)
            current = above
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(done.name, dir_fd=current)
    finally:
        os.close(current)


def _enter(parent: int, name: bytes, device: int) -> int:
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    if os.fstat(descriptor).st_dev != device:
        os.close(descriptor)
        raise OSError(errno.EBUSY, "a file system is mounted here", os.fsdecode(name))
    return descriptor


def _leave(current: int, place: tuple[int, int]) -> int:
    """Up again, to where it came from: somebody may have moved the directory meanwhile."""
    descriptor = os.open("..", _DIRECTORY, dir_fd=current)
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) != place:
        os.close(descriptor)
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    return descriptor


def _level(name: bytes, descriptor: int) -> _Level:
    status = os.fstat(descriptor)
    with os.scandir(descriptor) as found:
        entries = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in found]
    return _Level(name, (status.st_dev, status.st_ino), entries)


def _next_directory(current: int, entries: list[tuple[bytes, bool]]) -> bytes | None:
    """Unlink up to the next one that must be emptied first."""
    while entries:
        name, is_directory = entries.pop()
        if is_directory:
            return name
        with contextlib.suppress(FileNotFoundError):  # somebody else removes, too: a monitor its socket
            os.unlink(name, dir_fd=current)
    return None
