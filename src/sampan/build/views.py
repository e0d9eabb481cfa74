"""Trees to copy from and to look into: a directory of the client, or the layers of an image together.

No path is ever given to the kernel whole. A directory is opened from its parent's descriptor, without
following links; links are read and followed here, and `/` and `..` end at the root of the tree. Whoever
swaps a directory for a link meanwhile gets an error, and never a file from elsewhere (CVE-2014-6408,
CVE-2024-23651, CVE-2024-1753).
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from sampan.build.patterns import Matcher
from sampan.errors import InvalidArgument

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LINKS = 40  # as the kernel's own limit (path_resolution(7))
_OPAQUE = "trusted.overlay.opaque"
_OPEN = 64  # directories that a view keeps open
_DEPTH = 400  # directories within each other


class Found(NamedTuple):
    """`path`: the real one, without links, relative; "" is the root."""

    path: str
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class View(Protocol):
    """Paths are relative, with slashes, real ("" is the root) where nothing else is said."""

    def lstat(self, path: str) -> os.stat_result | None: ...

    def entries(self, path: str) -> list[tuple[str, os.stat_result]]:
        """What is in the directory, by name."""

    def parent(self, path: str) -> tuple[int, str]:
        """A descriptor, borrowed until the next call, and the name in it, for the calls that end in -at."""

    def directory(self, path: str) -> int:
        """The directory itself, in the highest layer that has it; borrowed until the next call."""

    def close(self) -> None: ...


class _DeadEnd(Exception):
    """The path goes on, but not the tree: nothing is here, or no directory. Not the kernel's error about
    something that changed meanwhile: that one is told."""


def resolve(view: View, path: str, *, last: bool = True) -> Found | None:
    """Where `path` leads, its links followed inside the tree; the last part too unless `last` is False. None:
    there is nothing. Raises InvalidArgument for a circle."""
    try:
        real, status = _follow(view, path, last=last, missing=False)
    except _DeadEnd:
        return None
    status = status or view.lstat(real)
    return Found(real, status) if status is not None else None


def place(view: View, path: str) -> str:
    """The real path that `path` has, or would have if it were made. Raises InvalidArgument."""
    try:
        return _follow(view, path, last=True, missing=True)[0]
    except _DeadEnd as end:
        raise InvalidArgument(f"cannot copy to non-directory: /{end}") from None


def _follow(view: View, path: str, *, last: bool, missing: bool) -> tuple[str, os.stat_result | None]:
    """The real path and, where the last step looked at it, what is there. `missing`: what is not there has
    neither links nor an end. Raises _DeadEnd, InvalidArgument for a circle."""
    done: list[str] = []
    todo, links = _parts(path), 0
    status: os.stat_result | None = None
    while todo:
        part = todo.pop(0)
        if part == "..":
            done, status = done[:-1], None
            continue
        here = "/".join([*done, part])
        status = view.lstat(here)
        if status is None and not missing:
            raise _DeadEnd(here)
        if status is not None and stat.S_ISLNK(status.st_mode) and (todo or last):
            links += 1
            if links > _LINKS:
                raise InvalidArgument(f"too many links in {path}")
            target = read_link(view, here)
            todo = _parts(target) + todo
            done, status = [] if target.startswith("/") else done, None
            continue
        if todo and status is not None and not stat.S_ISDIR(status.st_mode):
            raise _DeadEnd(here)
        done.append(part)
    return "/".join(done), status


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def read_link(view: View, path: str) -> str:
    directory, name = view.parent(path)
    return os.readlink(name, dir_fd=directory)


def open_file(view: View, path: str) -> int:
    """A regular file; anything else is refused without being opened for long (a FIFO does not block)."""
    directory, name = view.parent(path)
    fd = os.open(name, _FILE, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InvalidArgument(f"{path} is no regular file")
    return fd


def read_file(view: View, path: str, limit: int) -> bytes | None:
    """The content of a small file in the tree; None where there is none, or something else, or a link that
    leads nowhere. Raises InvalidArgument where it is larger than `limit`."""
    found = resolve(view, path)
    if found is None or not stat.S_ISREG(found.status.st_mode):
        return None
    with open(open_file(view, found.path), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InvalidArgument(f"{path} is larger than {limit} bytes")
    return data


class _Kept:
    """Descriptors of the directories that were used last."""

    def __init__(self) -> None:
        self._open: dict[str, list[int]] = {}

    def get(self, path: str) -> list[int] | None:
        found = self._open.pop(path, None)
        if found is not None:
            self._open[path] = found
        return found

    def put(self, path: str, fds: list[int]) -> list[int]:
        while len(self._open) >= _OPEN:
            _close(self._open.pop(next(iter(self._open))))
        self._open[path] = fds
        return fds

    def close(self) -> None:
        for fds in self._open.values():
            _close(fds)
        self._open.clear()


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


class DirectoryView:
    """One directory, without what `excluded` takes away; `hidden` is not there at all."""

    def __init__(self, path: str, excluded: Matcher | None = None) -> None:
        self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._kept = _Kept()
        self.path = path
        self.excluded = excluded if excluded else None

    def close(self) -> None:
        self._kept.close()
        os.close(self._root)

    def lstat(self, path: str) -> os.stat_result | None:
        if not path:
            return os.fstat(self._root)
        if self._is_excluded(path):
            return None
        try:
            directory, name = self.parent(path)
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _is_excluded(self, path: str) -> bool:
        """A directory stays while something below it may."""
        excluded = self.excluded
        return excluded is not None and excluded.excludes(path) and not excluded.may_keep_below(path)

    def entries(self, path: str) -> list[tuple[str, os.stat_result]]:
        with os.scandir(self.directory(path)) as found:
            entries = [(entry.name, entry.stat(follow_symlinks=False)) for entry in found]
        entries.sort(key=_name)
        if self.excluded is None:
            return entries
        prefix = f"{path}/" if path else ""
        return [entry for entry in entries if not self._is_excluded(prefix + entry[0])]

    def parent(self, path: str) -> tuple[int, str]:
        above, _, name = path.rpartition("/")
        return self.directory(above), name

    def directory(self, path: str) -> int:
        if not path:
            return self._root
        found = self._kept.get(path)
        if found is None:
            above, _, name = path.rpartition("/")
            found = self._kept.put(path, [os.open(name, _DIRECTORY, dir_fd=self.directory(above))])
        return found[0]


def _name(entry: tuple[str, os.stat_result]) -> str:
    return entry[0]


class LayersView:
    """The layers of an image as overlayfs would show them, the top one first. `masked`: absolute paths that
    look empty (image `host`)."""

    def __init__(self, lowerdirs: Sequence[str], masked: Sequence[str] = ()) -> None:
        self._roots = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in lowerdirs]
        self._masked = frozenset(path.strip("/") for path in masked)
        self._kept = _Kept()

    def close(self) -> None:
        self._kept.close()
        _close(self._roots)

    def lstat(self, path: str) -> os.stat_result | None:
        if not path:
            return os.fstat(self._roots[0])
        try:
            found = self._holder(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found[1]

    def entries(self, path: str) -> list[tuple[str, os.stat_result]]:
        if path in self._masked:
            return []
        entries: dict[str, os.stat_result] = {}
        for fd in self._directories(path):
            with os.scandir(fd) as found:
                for entry in found:
                    if entry.name not in entries:
                        entries[entry.name] = entry.stat(follow_symlinks=False)
        return sorted((one for one in entries.items() if not _is_whiteout(one[1])), key=_name)

    def parent(self, path: str) -> tuple[int, str]:
        return self._holder(path)[0], path.rpartition("/")[2]

    def directory(self, path: str) -> int:
        return self._directories(path)[0]

    def _holder(self, path: str) -> tuple[int, os.stat_result]:
        """The directory, in the highest layer that has it, that `path` is in."""
        above, _, name = path.rpartition("/")
        if above in self._masked:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        for fd in self._directories(above):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if _is_whiteout(status):
                    break
                return fd, status
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def _directories(self, path: str) -> list[int]:
        if not path:
            return self._roots
        found = self._kept.get(path)
        if found is None:
            above, _, name = path.rpartition("/")
            found = self._kept.put(path, list(self._merged(self._directories(above), name)))
        if not found:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return found

    @staticmethod
    def _merged(above: Sequence[int], name: str) -> Iterator[int]:
        """The directory `name` in each layer, down to where something hides what is below."""
        for fd in above:
            try:
                inner = os.open(name, _DIRECTORY, dir_fd=fd)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno in (errno.ENOTDIR, errno.ELOOP):  # a file, a link or a whiteout
                    return
                raise
            yield inner
            if _is_opaque(inner):
                return


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(fd: int) -> bool:
    try:
        return os.getxattr(fd, _OPAQUE) == b"y"
    except OSError:
        return False


def walk(view: View, path: str) -> list[Found]:
    """Everything below the directory `path`, parents first, that itself not."""
    found: list[Found] = []
    todo = [path]
    while todo:
        here = todo.pop()
        if here.count("/") > _DEPTH:
            raise InvalidArgument(f"{here[:200]}…: directories are nested too deeply")
        prefix = f"{here}/" if here else ""
        inside = []
        for name, status in view.entries(here):
            found.append(Found(prefix + name, status))
            if stat.S_ISDIR(status.st_mode):
                inside.append(prefix + name)
        todo += reversed(inside)
    return found
