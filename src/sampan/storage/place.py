"""Unpacks a tar into a tree that exists and may be in use: `cp` into a container.

Every parent is found by `inside`, every last name is created or replaced without following links. What is
there is replaced, but a directory only by a directory.
"""

import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from sampan.errors import Forbidden, InvalidArgument
from sampan.storage import tar
from sampan.storage.buffer import Buffer
from sampan.storage.decompress import decompress
from sampan.storage.inside import Found, Root
from sampan.storage.remove import remove_at
from sampan.storage.tar import Entry, TarReader

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = {tar.CHARACTER: stat.S_IFCHR, tar.BLOCK_DEVICE: stat.S_IFBLK, tar.FIFO: stat.S_IFIFO}


class Rules(NamedTuple):
    keep_kind: bool = True  # a directory is not replaced by something else, nor the other way round
    owner: tuple[int, int] | None = None  # of everything; None: as the archive says


def place(chunks: Iterator[bytes], root: Root, directory: bytes, rules: Rules) -> None:
    """`directory`: a path inside without links. Raises InvalidArgument for what an archive may not say."""
    buffer = Buffer(decompress(chunks))
    placer = _Placer(root, directory, rules)
    reader = TarReader(buffer)
    for entry in reader:
        placer.add(entry, reader)
    buffer.drain()
    placer.finish()


class _Placer:
    def __init__(self, root: Root, directory: bytes, rules: Rules) -> None:
        self._root = root
        self._directory = directory
        self._rules = rules
        self._times: dict[bytes, int] = {}

    def add(self, entry: Entry, reader: TarReader) -> None:
        path = self._path(entry.name)
        found = self._find(path)
        try:
            if not found.writable:
                raise Forbidden("mounted volume is marked read-only")
            if entry.type == tar.DIRECTORY:
                self._directory_at(entry, path, found)
            else:
                self._make_way(found)
                self._create(entry, reader, found)
        finally:
            found.close()

    def finish(self) -> None:
        """Times of directories: what is created in them would change them again."""
        for path, time in self._times.items():
            with suppress(OSError):
                found = self._root.find(path, follow=False)
                try:
                    if found.fd >= 0:
                        os.utime(f"/proc/self/fd/{found.fd}", ns=(time, time))
                finally:
                    found.close()

    def _path(self, name: bytes) -> bytes:
        relative = posixpath.normpath(name.lstrip(b"/") or b".")
        if relative == b".." or relative.startswith(b"../"):
            shown = os.fsdecode(posixpath.join(self._directory, name))
            raise InvalidArgument(f'"{shown}" is outside of "{os.fsdecode(self._directory)}"')
        return self._directory if relative == b"." else posixpath.join(self._directory, relative)

    def _find(self, path: bytes) -> Found:
        try:
            return self._root.find(path, follow=False)
        except FileNotFoundError:
            self._make(posixpath.dirname(path))
            return self._root.find(path, follow=False)

    def _make(self, path: bytes) -> None:
        """Directories that the archive left out: root's, 0755."""
        found = self._find(path)
        try:
            if found.fd < 0:
                os.mkdir(found.name, 0o755, dir_fd=found.parent)
        finally:
            found.close()

    def _make_way(self, found: Found) -> None:
        """Whatever is there goes."""
        if found.fd < 0:
            return
        if found.name == b".":
            raise InvalidArgument(self._not_over(found, what="directory", by="non-directory"))
        if stat.S_ISDIR(found.status.st_mode):
            if self._rules.keep_kind:
                raise InvalidArgument(self._not_over(found, what="directory", by="non-directory"))
            remove_at(found.parent, found.name)
        else:
            os.unlink(found.name, dir_fd=found.parent)

    def _not_over(self, found: Found, *, what: str, by: str) -> str:
        target = os.fsdecode(self._directory)
        return f'cannot overwrite {what} "{os.fsdecode(found.path)}" with {by} "{target}"'

    def _directory_at(self, entry: Entry, path: bytes, found: Found) -> None:
        if found.fd >= 0 and not stat.S_ISDIR(found.status.st_mode):
            if self._rules.keep_kind:
                raise InvalidArgument(self._not_over(found, what="non-directory", by="directory"))
            os.unlink(found.name, dir_fd=found.parent)
        elif found.fd >= 0 and path == self._directory:
            return  # what we unpack into stays as it is
        if found.fd < 0 or not stat.S_ISDIR(found.status.st_mode):
            os.mkdir(found.name, 0o700, dir_fd=found.parent)
        fd = os.open(
            found.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=found.parent
        )
        try:
            self._dress(entry, fd)
        finally:
            os.close(fd)
        self._times[path] = entry.mtime

    def _create(self, entry: Entry, reader: TarReader, found: Found) -> None:
        parent, name = found.parent, found.name
        if entry.type == tar.REGULAR:
            self._file(entry, reader, parent, name)
        elif entry.type == tar.HARD_LINK:
            self._hard_link(entry, parent, name)
        else:
            if entry.type == tar.SYMLINK:
                os.symlink(entry.link, name, dir_fd=parent)
            else:
                os.mknod(name, _NODES[entry.type] | 0o600, os.makedev(*entry.device), dir_fd=parent)
            uid, gid = self._rules.owner or (entry.uid, entry.gid)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
            os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)
            if entry.type != tar.SYMLINK:
                self._mode_of_node(entry, parent, name)

    @staticmethod
    def _mode_of_node(entry: Entry, parent: int, name: bytes) -> None:
        """Through a descriptor: by its name it could be a link by now."""
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                os.chmod(f"/proc/self/fd/{fd}", entry.mode)
        finally:
            os.close(fd)

    def _file(self, entry: Entry, reader: TarReader, parent: int, name: bytes) -> None:
        fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
        try:
            _write(entry, reader, fd)
            self._dress(entry, fd)
            os.utime(fd, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(fd)

    def _hard_link(self, entry: Entry, parent: int, name: bytes) -> None:
        source = self._root.find(self._path(entry.link), follow=False)
        try:
            if source.fd < 0 or source.name == b".":
                raise InvalidArgument(f"invalid hard link {os.fsdecode(entry.name)!r}: no such file")
            os.link(source.name, name, src_dir_fd=source.parent, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            source.close()

    def _dress(self, entry: Entry, fd: int) -> None:
        uid, gid = self._rules.owner or (entry.uid, entry.gid)
        os.fchown(fd, uid, gid)
        os.fchmod(fd, entry.mode)  # after chown, which clears setuid and setgid
        capability = entry.xattrs.get("security.capability")
        if capability is not None:
            with suppress(OSError):
                os.setxattr(fd, "security.capability", capability)


def _write(entry: Entry, reader: TarReader, fd: int) -> None:
    pieces = entry.holes if entry.holes is not None else [(0, entry.size)]
    os.ftruncate(fd, entry.size)
    data, piece = reader.data(), memoryview(b"")
    for start, length in pieces:
        offset = start
        while offset < start + length:
            piece = piece or next(data)
            written = os.pwrite(fd, piece[: start + length - offset], offset)
            offset += written
            piece = piece[written:]
