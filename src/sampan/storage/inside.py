"""Paths inside a root that belongs to somebody else, who may change it at any moment.

Each step opens one name in a directory that is held open, and never follows a link (O_NOFOLLOW): what a link
says is read and walked here, with `/` and `..` ending at the root. So no path can lead out of it, whatever
happens between two steps (CVE-2018-15664), and nothing of it is executed or loaded. `mounts` are directories
from elsewhere that belong at a path inside.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS = 255  # as path_resolution(7) has 40, and Docker's symlink scope 255


class Mounted(NamedTuple):
    fd: int  # O_PATH: a directory or a file; borrowed
    writable: bool


class Found(NamedTuple):
    """What a path leads to. The descriptors are the caller's (`close`)."""

    path: bytes  # from the root, without links: b"/" or b"/a/b"
    parent: int  # O_PATH, the directory that it is in
    name: bytes  # in there; b"." for a root or a mount
    fd: int  # O_PATH; -1: there is nothing of that name
    writable: bool

    @property
    def status(self) -> os.stat_result:
        return os.fstat(self.fd)

    def close(self) -> None:
        os.close(self.parent)
        if self.fd >= 0:
            os.close(self.fd)


class _Level(NamedTuple):
    name: bytes
    fd: int
    writable: bool


class Root:
    def __init__(self, fd: int, mounts: Mapping[bytes, Mounted] | None = None, *, writable: bool = True):
        """`fd`: the root directory; borrowed, as all of `mounts`, whose keys are as b"/data"."""
        self._fd = fd
        self._mounts = mounts or {}
        self._writable = writable

    def find(self, path: bytes, *, follow: bool) -> Found:
        """Raises FileNotFoundError if a directory on the way is missing (the last name may be),
        NotADirectoryError, OSError(ELOOP)."""
        walk = _Walk(self._fd, self._mounts, writable=self._writable)
        try:
            return walk.to(path, follow=follow)
        finally:
            walk.close()


class _Walk:
    def __init__(self, root: int, mounts: Mapping[bytes, Mounted], *, writable: bool) -> None:
        self._mounts = mounts
        self._levels = [_Level(b"", os.dup(root), writable)]
        self._links = 0

    def close(self) -> None:
        for level in self._levels:
            os.close(level.fd)

    def to(self, path: bytes, *, follow: bool) -> Found:
        if b"\0" in path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        parts = deque(path.split(b"/"))
        while parts:
            part = parts.popleft()
            if part in (b"", b"."):
                continue
            if part == b"..":
                if len(self._levels) > 1:
                    os.close(self._levels.pop().fd)
                continue
            found = self._step(part, parts, follow=follow)
            if found is not None:
                return found
        top = self._levels[-1]
        return Found(self._path(), os.dup(top.fd), b".", os.dup(top.fd), top.writable)

    def _step(self, part: bytes, rest: "deque[bytes]", *, follow: bool) -> Found | None:
        """None: a directory or link was entered, and there is more to do."""
        top = self._levels[-1]
        path = self._path(part)
        mounted = self._mounts.get(path)
        writable = mounted.writable if mounted else top.writable
        last = not any(rest)  # a slash at the end asks for a directory
        try:
            fd = os.dup(mounted.fd) if mounted else os.open(part, _STEP, dir_fd=top.fd)
        except FileNotFoundError:
            if any(one not in (b"", b".") for one in rest):
                raise
            return Found(path, os.dup(top.fd), part, -1, top.writable)
        kind = os.fstat(fd).st_mode
        if stat.S_ISLNK(kind) and (follow or not last or rest):
            self._link(fd, rest)
            return None
        if stat.S_ISDIR(kind):
            self._levels.append(_Level(part, fd, writable))
            if rest:
                return None
            return Found(path, os.dup(top.fd), b"." if mounted else part, os.dup(fd), writable)
        if rest:
            os.close(fd)
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fsdecode(path))
        return Found(path, os.dup(top.fd), part, fd, writable)

    def _link(self, fd: int, rest: "deque[bytes]") -> None:
        try:
            target = os.readlink(b"", dir_fd=fd)
        finally:
            os.close(fd)
        self._links += 1
        if self._links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith(b"/"):
            while len(self._levels) > 1:
                os.close(self._levels.pop().fd)
        rest.extendleft(reversed(target.split(b"/")))

    def _path(self, *more: bytes) -> bytes:
        return b"/" + b"/".join([*(level.name for level in self._levels[1:]), *more])
