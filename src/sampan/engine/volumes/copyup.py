"""The first use of a volume: what the image has at its place is copied into it, owners and all.

Calm. The image's layers are read one by one, the top one first, as overlayfs would show them: a name that
was seen, or whited out (a 0:0 character device), hides the one below; an opaque directory ends the walk.
Every path is resolved beneath its layer (CVE-2022-23648: a VOLUME of `/../../etc` must not be the host's).
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from sampan.linux.openat2 import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_CHUNK = 1 << 20
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


def copy_up(layers: list[str], destination: str, volume: str) -> None:
    """Nothing happens for a volume that has something in it, or where the image has no directory."""
    if os.listdir(volume):
        return
    with _opened(volume) as target:
        merge(layers, destination, target)


def merge(layers: list[str], path: str, target: int) -> None:
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
            _copy_directory(sources, target)


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


def _copy_directory(sources: list[int], target: int) -> None:
    """Several layers of one directory, the top one first, into one."""
    names: dict[bytes, list[int]] = {}
    for source in sources:
        for text in os.listdir(source):
            names.setdefault(os.fsencode(text), []).append(source)
    for name, holders in names.items():
        _copy(holders, target, name)
    _copy_attributes(sources[0], target)


def _copy(holders: list[int], target: int, name: bytes) -> None:
    """One entry, whatever it is; only directories show through to the layers below."""
    status = os.stat(name, dir_fd=holders[0], follow_symlinks=False)
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        _merge_directory(holders, target, name)
    elif stat.S_ISREG(mode):
        _copy_file(holders[0], target, name)
    elif stat.S_ISLNK(mode):
        os.symlink(os.readlink(name, dir_fd=holders[0]), name, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    elif not stat.S_ISSOCK(mode) and not (stat.S_ISCHR(mode) and status.st_rdev == 0):
        os.mknod(name, mode, status.st_rdev, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
        os.chmod(name, stat.S_IMODE(mode), dir_fd=target)


def _merge_directory(holders: list[int], target: int, name: bytes) -> None:
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
        _copy_directory(inner, outer)


def _copy_file(source: int, target: int, name: bytes) -> None:
    inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source)
    outer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=target)
    try:
        while os.sendfile(outer, inner, None, _CHUNK):
            pass
        _copy_attributes(inner, outer)
    finally:
        os.close(inner)
        os.close(outer)


def _copy_attributes(source: int, target: int) -> None:
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        if not name.startswith(("trusted.overlay.", "user.overlay.")):
            with suppress(OSError):
                os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
