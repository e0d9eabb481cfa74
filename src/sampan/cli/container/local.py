"""The local end of `cp`: what is here becomes a tar, a tar becomes what is here.

The tar that comes may be hostile (its maker is a container): only names below the destination are written,
each directory on the way is opened without following links.
"""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile

from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PIECE = 1 << 18
_BLOCK = 512
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = {tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO}


class Source:
    """What a tar is of: the path that was asked for; `rename`: the name that its root gets instead."""

    def __init__(self, path: str, rename: str = "", *, is_directory: bool) -> None:
        self.is_directory = is_directory
        self.base = base(path)
        self.name = rename or self.base


class Target:
    """Where a copy goes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.exists = False
        self.is_directory = False


def base(path: str) -> str:
    """The last name; "." when the path says that it means what is in the directory."""
    if path in (".", "") or path.endswith("/."):
        return "."
    return posixpath.basename(posixpath.normpath("/" + path)) or "/"


def with_ending(path: str, like: str) -> str:
    """`path` with the slash or `/.` at the end that `like` has."""
    return path + ("/." if like.endswith("/.") else "/" if like.endswith("/") else "")


def check_parent(path: str) -> None:
    directory = posixpath.dirname(posixpath.normpath(path))
    if directory not in ("", ".") and not os.path.exists(directory):
        raise ExitWith(1, f'invalid output path: directory "{directory}" does not exist')


def _landing(source: Source, target: Target) -> tuple[str, str]:
    """(directory, name of the copy in it; "." for into the directory itself), by Docker's rules."""
    if target.exists and target.is_directory:
        return target.path, "." if source.name in (".", "/") else source.name
    if target.exists and source.is_directory:
        raise ExitWith(1, "cannot copy directory")
    if not target.exists and not source.is_directory and target.path.endswith(("/", "/.")):
        raise ExitWith(1, "no such directory")
    path = posixpath.normpath(target.path)
    return posixpath.dirname(path) or ("/" if path.startswith("/") else "."), posixpath.basename(path)


# Here → tar


def pack(path: str, target: Target, *, follow: bool) -> tuple[str, Iterator[bytes]]:
    """The directory to unpack in, and the tar. Raises ExitWith."""
    shown = posixpath.abspath(path)
    try:
        status = os.stat(path) if follow or path.endswith(("/", "/.")) else os.lstat(path)
    except OSError as error:
        raise ExitWith(1, f"lstat {shown}: {(error.strerror or '').lower()}") from None
    source = Source(path, is_directory=stat.S_ISDIR(status.st_mode))
    directory, name = _landing(source, target)
    real = posixpath.realpath(path) if follow else path
    return directory, _packed(real.encode("utf-8", "surrogateescape"), name)


def _packed(path: bytes, name: str) -> Iterator[bytes]:
    links: dict[tuple[int, int], str] = {}
    stack = [(path, name)]
    while stack:
        where, called = stack.pop()
        try:
            status = os.lstat(where)  # of a path with a slash at the end: what the link leads to
        except FileNotFoundError:
            continue
        yield from _entry(where, called, status, links)
        if stat.S_ISDIR(status.st_mode):
            inner = sorted(os.listdir(where), reverse=True)
            stack += [(where + b"/" + one, f"{called}/{os.fsdecode(one)}") for one in inner]
    yield bytes(2 * _BLOCK)


def _entry(
    path: bytes, name: str, status: os.stat_result, links: dict[tuple[int, int], str]
) -> Iterator[bytes]:
    info = _info(path, name, status)
    if info is None:
        return
    if status.st_nlink > 1 and info.type == tarfile.REGTYPE:
        first = links.setdefault((status.st_dev, status.st_ino), name)
        if first != name:
            info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
    head = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if info.type != tarfile.REGTYPE or not info.size:
        yield head
        return
    yield head
    yield from _data(path, info.size)


def _data(path: bytes, size: int) -> Iterator[bytes]:
    """As many bytes as the header says, whatever happens to the file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = size
        while left and (piece := os.read(descriptor, min(_PIECE, left))):
            left -= len(piece)
            yield piece
    finally:
        os.close(descriptor)
    for _ in range(left // _PIECE):
        yield bytes(_PIECE)
    yield bytes(left % _PIECE + -size % _BLOCK)


def _info(path: bytes, name: str, status: os.stat_result) -> tarfile.TarInfo | None:
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    info.mtime = int(status.st_mtime)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        info.size = status.st_size
    elif kind == stat.S_IFDIR:
        info.type = tarfile.DIRTYPE
    elif kind == stat.S_IFLNK:
        info.type, info.linkname = tarfile.SYMTYPE, os.fsdecode(os.readlink(path))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        info.type = tarfile.CHRTYPE if kind == stat.S_IFCHR else tarfile.BLKTYPE
        info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    elif kind == stat.S_IFIFO:
        info.type = tarfile.FIFOTYPE
    else:
        return None  # a socket
    return info


# Tar → here


def unpack(chunks: Iterator[bytes], source: Source, path: str) -> None:
    """Write the copy below `path`. Raises ExitWith for an archive that is not what it should be."""
    target = Target(path)
    target.exists = os.path.lexists(path)
    target.is_directory = os.path.isdir(path)
    if target.exists and os.path.islink(path) and not target.is_directory:
        target.path = posixpath.realpath(path)
        target.exists = os.path.lexists(target.path)
    directory, name = _landing(source, target)
    try:
        root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise ExitWith(1, "no such directory") from None
    try:
        unpacker = _Unpacker(root, source.base, name)
        with tarfile.open(fileobj=Pieces(chunks), mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                unpacker.add(member, archive)
        unpacker.finish()
    except tarfile.TarError as error:
        raise ExitWith(1, f"invalid archive from the daemon: {error}") from None
    finally:
        os.close(root)


class Pieces:
    """What tarfile reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < size and (piece := next(self._chunks, b"")):
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]


class _Unpacker:
    def __init__(self, root: int, old: str, new: str) -> None:
        self._root = root
        self._old = old
        self._new = new
        self._times: list[tuple[list[str], float]] = []

    def add(self, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        parts = self._parts(member.name)
        if not parts:
            return  # the directory that we unpack in
        parent = self._parent(parts[:-1])
        try:
            self._create(member, archive, parent, parts)
        finally:
            os.close(parent)

    def finish(self) -> None:
        for parts, time in reversed(self._times):
            try:
                descriptor = self._parent(parts)
            except OSError:
                continue
            os.utime(descriptor, (time, time))
            os.close(descriptor)

    def _parts(self, name: str) -> list[str]:
        """The way from the root to where the member goes: its first name is replaced."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts or "\0" in name:
            raise ExitWith(1, f"invalid archive from the daemon: {name!r} leads out of it")
        if self._old not in (".", "/"):
            if not parts or parts[0] != self._old:
                raise ExitWith(1, f"invalid archive from the daemon: unexpected {name!r}")
            parts = parts[1:]
        return parts if self._new == "." else [self._new, *parts]

    def _parent(self, parts: list[str]) -> int:
        """A directory below the root; made, where it is missing; never through a link."""
        current = os.dup(self._root)
        for part in parts:
            try:
                try:
                    following = os.open(part, _DIRECTORY, dir_fd=current)
                except FileNotFoundError:
                    os.mkdir(part, 0o777, dir_fd=current)
                    following = os.open(part, _DIRECTORY, dir_fd=current)
            except OSError as error:
                shown = "/".join(parts)
                reason = (error.strerror or "").lower()
                raise ExitWith(1, f"cannot write to {shown}: {part}: {reason}") from None
            finally:
                os.close(current)
            current = following
        return current

    def _create(
        self, member: tarfile.TarInfo, archive: tarfile.TarFile, parent: int, parts: list[str]
    ) -> None:
        name = parts[-1]
        if member.isdir():
            self._directory(member, parent, parts)
            return
        _make_way(parent, name, parts)
        if member.isreg():
            _file(member, archive, parent, name)
            return
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
            return
        if member.islnk():
            self._hard_link(member, parent, name)
            return
        if member.type not in _NODES:
            raise ExitWith(1, f"invalid archive from the daemon: unknown type of {member.name!r}")
        device = os.makedev(member.devmajor, member.devminor)
        os.mknod(name, _NODES[member.type] | member.mode & 0o7777, device, dir_fd=parent)

    def _directory(self, member: tarfile.TarInfo, parent: int, parts: list[str]) -> None:
        try:
            os.mkdir(parts[-1], 0o700, dir_fd=parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(parts[-1], dir_fd=parent, follow_symlinks=False).st_mode):
                shown = "/".join(parts)
                raise ExitWith(
                    1, f'cannot overwrite non-directory "{shown}" with directory "{member.name}"'
                ) from None
        descriptor = os.open(parts[-1], _DIRECTORY, dir_fd=parent)
        os.fchmod(descriptor, member.mode & 0o7777)
        os.close(descriptor)
        self._times.append((parts, member.mtime))

    def _hard_link(self, member: tarfile.TarInfo, parent: int, name: str) -> None:
        target = self._parts(member.linkname)
        if not target:
            raise ExitWith(1, f"invalid archive from the daemon: hard link {member.name!r}")
        source = self._parent(target[:-1])
        try:
            os.link(target[-1], name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source)


def _make_way(parent: int, name: str, parts: list[str]) -> None:
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        shown = "/".join(parts)
        raise ExitWith(1, f'cannot overwrite directory "{shown}" with non-directory "{name}"')
    os.unlink(name, dir_fd=parent)


def _file(member: tarfile.TarInfo, archive: tarfile.TarFile, parent: int, name: str) -> None:
    data: Any = archive.extractfile(member)
    descriptor = os.open(name, _CREATE, 0o600, dir_fd=parent)
    try:
        while piece := data.read(_PIECE):
            written = os.write(descriptor, piece)
            while written < len(piece):
                written += os.write(descriptor, piece[written:])
        os.fchmod(descriptor, member.mode & 0o7777)
        os.utime(descriptor, (member.mtime, member.mtime))
    finally:
        os.close(descriptor)
