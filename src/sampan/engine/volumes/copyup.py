"""The first use of a volume: what the image has at its place is copied into it, owners and all.

Calm. The image's layers are read one by one, the top one first, as overlayfs would show them: a name that
was seen, or whited out (a 0:0 character device), hides the one below; an opaque directory ends the walk.
Every path is resolved beneath its layer (CVE-2022-23648: a VOLUME of `/../../etc` must not be the host's).
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

from sampan.linux.openat2 import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2
from sampan.storage.duplicate import copy_data

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


Owner = tuple[int, int]


def copy_up(layers: list[str], destination: str, volume: str, owner: Owner | None = None) -> None:
    """Nothing happens for a volume that has something in it, or where the image has no directory. `owner`: of
    everything, instead of the image's; -1 for a part of it that stays (chown(2))."""
    if os.listdir(volume):
        return
    with _opened(volume) as target:
        merge(layers, destination, target, owner)


def merge(layers: list[str], path: str, target: int, owner: Owner | None = None) -> None:
    """Copy the directory at `path`, as it is in all `layers` (top first) together, into `target`."""
    with ExitStack() as stack:
        sources = []
        for layer in layers:
            root = stack.enter_context(_opened(layer))
            source = _open_beneath(root, path)
            if source is not None:
                stack.callback(os.close, source)
                sources.append(source)
            if _hidden_beneath(root, path):
                break
        if sources:
            with closing(_Copier(owner)) as copier:
                copier.directory(sources, target)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    fd = os.open(path, _DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _open_beneath(root: int, path: str) -> int | None:
    relative = path.lstrip("/") or "."
    with suppress(OSError):
        return openat2(root, os.fsencode(relative), _DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    return None


def _hidden_beneath(root: int, path: str) -> bool:
    """Whether this layer hides what lower ones have at `path`: a whiteout or another file on the way, or
    an opaque directory."""
    at = ""
    for part in path.strip("/").split("/"):
        at = f"{at}/{part}" if at else part
        try:
            fd = openat2(root, os.fsencode(at), os.O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
        except OSError:
            return False
        try:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                return True
            if _is_opaque(fd):
                return True
        finally:
            os.close(fd)
    return False


def _is_opaque(fd: int) -> bool:
    for name in _OPAQUE:
        with suppress(OSError):
            if os.getxattr(f"/proc/self/fd/{fd}", name) == b"y":
                return True
    return False


class _Copier:
    """Hard links among what is copied stay hard links: each of the 400 names of busybox would be a file of
    its own."""

    def __init__(self, owner: Owner | None) -> None:
        self._owner = owner
        self._links: dict[tuple[int, int], tuple[int, bytes]] = {}  # inode → directory (open), name

    def close(self) -> None:
        for fd, _ in self._links.values():
            os.close(fd)

    def directory(self, sources: list[int], target: int) -> None:
        """Several layers of one directory, the top one first, into one."""
        names: dict[bytes, list[int]] = {}
        for source in sources:
            for text in os.listdir(source):
                names.setdefault(os.fsencode(text), []).append(source)
        for name, holders in names.items():
            self._copy(holders, target, name)
        self._attributes(sources[0], target)

    def _copy(self, holders: list[int], target: int, name: bytes) -> None:
        """One entry, whatever it is; only directories show through to the layers below."""
        status = os.stat(name, dir_fd=holders[0], follow_symlinks=False)
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            self._merge(holders, target, name)
        elif _is_whiteout(status) or self._link(status, target, name):
            return
        elif stat.S_ISREG(mode):
            self._file(holders[0], target, name)
        elif stat.S_ISLNK(mode):
            os.symlink(os.readlink(name, dir_fd=holders[0]), name, dir_fd=target)
            self._own(status, target, name)
        else:
            os.mknod(name, mode, status.st_rdev, dir_fd=target)
            self._own(status, target, name)
            os.chmod(name, stat.S_IMODE(mode), dir_fd=target)

    def _link(self, status: os.stat_result, target: int, name: bytes) -> bool:
        """False: it is the first name of its file."""
        if status.st_nlink < 2:
            return False
        key = (status.st_dev, status.st_ino)
        if key not in self._links:
            self._links[key] = (os.dup(target), name)
            return False
        where, first = self._links[key]
        try:
            os.link(first, name, src_dir_fd=where, dst_dir_fd=target, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
            return False
        return True

    def _own(self, status: os.stat_result, target: int, name: bytes) -> None:
        os.chown(name, *self._owner_of(status), dir_fd=target, follow_symlinks=False)

    def _owner_of(self, status: os.stat_result) -> Owner:
        uid, gid = self._owner or (-1, -1)
        return status.st_uid if uid < 0 else uid, status.st_gid if gid < 0 else gid

    def _merge(self, holders: list[int], target: int, name: bytes) -> None:
        os.mkdir(name, 0o700, dir_fd=target)
        with ExitStack() as stack:
            outer = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=target)
            stack.callback(os.close, outer)
            inner = []
            for holder in holders:
                try:
                    fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=holder)
                except OSError:
                    break  # a file or a whiteout: nothing below it shows
                stack.callback(os.close, fd)
                inner.append(fd)
                if _is_opaque(fd):
                    break
            self.directory(inner, outer)

    def _file(self, source: int, target: int, name: bytes) -> None:
        inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source)
        outer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=target)
        try:
            copy_data(inner, outer)
            self._attributes(inner, outer)
        finally:
            os.close(inner)
            os.close(outer)

    def _attributes(self, source: int, target: int) -> None:
        """The owner before the rest: a change takes set-user-ID bits and capabilities away (chown(2))."""
        status = os.fstat(source)
        os.fchown(target, *self._owner_of(status))
        os.fchmod(target, stat.S_IMODE(status.st_mode))
        for name in os.listxattr(source):
            if not name.startswith(("trusted.overlay.", "user.overlay.")):
                with suppress(OSError):
                    os.setxattr(target, name, os.getxattr(source, name))
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
