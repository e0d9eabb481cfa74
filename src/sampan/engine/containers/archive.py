"""`cp`: a path of a container as a tar, a tar into a container, and what a path is.

Calm. Docker's rules: the last name of a path is not followed if it is a link, unless a slash or `/.` is
behind it; a tar is named by the last name of the path that was asked for.
"""

import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sampan.engine import timestamps
from sampan.engine.containers import view
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import Forbidden, InvalidArgument, NotFound
from sampan.storage import place
from sampan.storage.inside import Found, Root
from sampan.storage.pack import Rules, pack, pack_one

# The bits of Go's fs.FileMode.
_KINDS = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


class Asked(NamedTuple):
    """A path in a container; `name`: what the client called it, for the sentence."""

    container: Container
    name: str
    path: str


@contextmanager
def _found(root: Root, asked: Asked, *, follow: bool) -> Iterator[Found]:
    """Raises NotFound, InvalidArgument."""
    path = asked.path
    try:
        found = root.find(b"/" + os.fsencode(path), follow=follow)
    except FileNotFoundError:
        raise _missing(asked) from None
    except NotADirectoryError:
        raise InvalidArgument(f"lstat {path}: not a directory") from None
    except OSError as error:
        raise InvalidArgument(f"lstat {path}: {(error.strerror or '').lower()}") from None
    try:
        if found.fd < 0:
            raise _missing(asked)
        yield found
    finally:
        found.close()


def _missing(asked: Asked) -> NotFound:
    return NotFound(f"Could not find the file {asked.path} in container {asked.name}")


def status(engine: Engine, asked: Asked) -> dict[str, Any]:
    """What X-Docker-Container-Path-Stat says."""
    with view.opened(engine, asked.container) as root, _found(root, asked, follow=False) as found:
        return _status(root, found, asked.path)


def _status(root: Root, found: Found, path: str) -> dict[str, Any]:
    one = found.status
    mode = stat.S_IMODE(one.st_mode) & 0o777 | _KINDS.get(stat.S_IFMT(one.st_mode), 0)
    mode |= sum(bit for own, bit in _BITS.items() if one.st_mode & own)
    target = _target(root, found) if stat.S_ISLNK(one.st_mode) else ""
    return {
        "name": os.fsdecode(_base(os.fsencode(path))),
        "size": one.st_size,
        "mode": mode,
        "mtime": timestamps.text(one.st_mtime_ns),
        "linkTarget": target,
    }


def _target(root: Root, found: Found) -> str:
    """Where a link leads in the end; where it would, if that is not there."""
    try:
        ends = root.find(found.path, follow=True)
    except OSError:
        own = os.readlink(b"", dir_fd=found.fd)
        return os.fsdecode(posixpath.normpath(posixpath.join(posixpath.dirname(found.path), own)))
    ends.close()
    return os.fsdecode(ends.path)


def _base(path: bytes) -> bytes:
    """Go's filepath.Base of the cleaned path, which keeps a dot at the end."""
    if path.endswith((b"/.", b"/")) or path in (b".", b""):
        cleaned = posixpath.normpath(b"/" + path)
        return b"." if path.endswith(b".") else posixpath.basename(cleaned) or b"/"
    return posixpath.basename(posixpath.normpath(b"/" + path)) or b"/"


class Outgoing(NamedTuple):
    """A tar on its way out: what it is of is known before the first byte."""

    status: dict[str, Any]
    chunks: Iterator[bytes]


def get(engine: Engine, asked: Asked) -> Outgoing:
    """Raises NotFound. `chunks` holds the files open until its end, or until it is closed."""
    told: list[dict[str, Any]] = []
    chunks = _get(engine, asked, told)
    next(chunks)
    return Outgoing(told[0], chunks)


def _get(engine: Engine, asked: Asked, told: list[dict[str, Any]]) -> Iterator[bytes]:
    """Nothing at first, with the status told; then the pieces, all of it under one view."""
    with view.opened(engine, asked.container) as root, _found(root, asked, follow=False) as found:
        told.append(_status(root, found, asked.path))
        yield b""
        base = _base(os.fsencode(asked.path))
        if not stat.S_ISDIR(found.status.st_mode):
            yield from pack_one(found.fd, base)
            return
        prefix = b"" if base == b"/" else base
        directory = os.open(f"/proc/self/fd/{found.fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield from pack(directory, Rules(named=lambda inner: prefix + b"/" + inner if inner else base))
        finally:
            os.close(directory)


def put(engine: Engine, asked: Asked, chunks: Iterator[bytes], rules: place.Rules) -> None:
    """Unpack `chunks` into the directory `path`, which must be there. A container that does not run is locked
    by the caller."""
    with (
        view.opened(engine, asked.container, write=True) as root,
        _found(root, asked, follow=True) as found,
    ):
        if not stat.S_ISDIR(found.status.st_mode):
            raise InvalidArgument("extraction point is not a directory")
        _check_writable(asked.container, found)
        try:
            place.place(chunks, root, found.path, rules)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InvalidArgument(f"Error processing tar file: {reason}") from error


def _check_writable(container: Container, found: Found) -> None:
    """Before anything is read: of a container that runs the kernel says it."""
    if found.writable and not os.fstatvfs(found.fd).f_flag & os.ST_RDONLY:
        return
    in_mount = any(
        os.fsdecode(found.path + b"/").startswith(one.destination.rstrip("/") + "/")
        for one in container.definition.mounts
    )
    what = "mounted volume" if in_mount else "container rootfs"
    raise Forbidden(f"{what} is marked read-only")


def export(engine: Engine, container: Container) -> Iterator[bytes]:
    """The root file system alone: what is mounted in it shows as empty files and directories."""
    root = view.running_root(container) if container.running else view.stopped_root(engine, container)
    try:
        directory = os.open(f"/proc/self/fd/{root}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(root)
    try:
        yield from pack(directory, Rules(one_filesystem=True))
    finally:
        os.close(directory)
