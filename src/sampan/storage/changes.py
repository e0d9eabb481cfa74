"""What a container has changed in its root: its own directories (of an overlay, top first) beside the layers
of its image.

Calm, and by descriptors only: whatever the container has put there, no link is followed and nothing outside
is looked at. A whiteout is a 0:0 character device, an opaque directory hides what is below
(Documentation/filesystems/overlayfs.rst).
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from enum import IntEnum
from typing import NamedTuple

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH_MAX = 4096  # limits.h: below that nobody can name it by its path


class Kind(IntEnum):
    """The Engine API's numbers."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


class Change(NamedTuple):
    path: bytes
    kind: Kind


class _Level:
    """A directory on the way: `own`, `image` are descriptors of it, each until it is hidden further down."""

    def __init__(self, path: bytes, own: list[int], image: list[int]) -> None:
        self.path = path
        self.own = own
        self.image = image
        self.told = path == b""
        self.names = iter(sorted({os.fsencode(name) for fd in own for name in os.listdir(fd)}))

    def close(self) -> None:
        for fd in (*self.own, *self.image):
            os.close(fd)


def changes(own: Sequence[str], image: Sequence[str], hidden: frozenset[bytes]) -> Iterator[Change]:
    """Parents before what is in them, names in order; a directory is told of when something in it is.
    `hidden`: mount points that the runtime makes, of which nobody wants to hear."""
    around = frozenset(os.path.dirname(path) for path in hidden)
    levels = [_Level(b"", _opened(own), _opened(image))]
    try:
        while levels:
            level = levels[-1]
            name = next(level.names, None)
            if name is None:
                levels.pop().close()
                continue
            path = level.path + b"/" + name
            if path in hidden or len(path) >= _PATH_MAX:
                continue
            kind, below = _look(level, path, name, around)
            if kind is not None:
                yield from _parents(levels)
                yield Change(path, kind)
            if below is not None:
                below.told = kind is not None
                levels.append(below)
    finally:
        for level in levels:
            level.close()


def _look(
    level: _Level, path: bytes, name: bytes, around: frozenset[bytes]
) -> tuple[Kind | None, _Level | None]:
    """(what to tell of one name, the directory to go into). None: nothing to tell, or not yet."""
    mine, before = _first(level.own, name), _first(level.image, name)
    if mine is None:  # it vanished meanwhile
        return None, None
    if _is_whiteout(mine):
        return (Kind.DELETED if before is not None and not _is_whiteout(before) else None), None
    kind = Kind.MODIFIED if before is not None and not _is_whiteout(before) else Kind.ADDED
    if not stat.S_ISDIR(mine.st_mode):
        return kind, None
    below = _Level(path, _inside(level.own, name), _inside(level.image, name))
    if kind is Kind.MODIFIED and before is not None and _same(mine, before, times=path not in around):
        return None, below
    return kind, below


def _parents(levels: list[_Level]) -> Iterator[Change]:
    for level in levels:
        if not level.told:
            level.told = True
            yield Change(level.path, Kind.MODIFIED)


def _same(one: os.stat_result, other: os.stat_result, *, times: bool) -> bool:
    """Of directories: a copy of the image's keeps its time until something is made or removed in it."""
    return (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid) and (
        not times or one.st_mtime_ns == other.st_mtime_ns
    )


def _first(directories: Sequence[int], name: bytes) -> os.stat_result | None:
    for fd in directories:
        with suppress(OSError):
            return os.stat(name, dir_fd=fd, follow_symlinks=False)
    return None


def _inside(directories: Sequence[int], name: bytes) -> list[int]:
    """The directory `name` of each, from the top to where something hides the rest."""
    found: list[int] = []
    for fd in directories:
        try:
            inner = os.open(name, _DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            continue
        except OSError:  # a file, a link, a whiteout: nothing below it shows
            break
        found.append(inner)
        if _is_opaque(inner):
            break
    return found


def _opened(paths: Sequence[str]) -> list[int]:
    with ExitStack() as stack:
        found = []
        for path in paths:
            with suppress(FileNotFoundError):  # a commit has just taken it
                found.append(os.open(path, _DIRECTORY))
                stack.callback(os.close, found[-1])
        stack.pop_all()
        return found


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(fd: int) -> bool:
    with suppress(OSError):
        return os.getxattr(fd, "trusted.overlay.opaque") == b"y"
    return False
