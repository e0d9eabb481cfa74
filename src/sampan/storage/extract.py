"""Unpacks the tar of a layer into a directory, as an overlay's lower directory wants it.

The archive is hostile. Every path but the last component is resolved by the kernel beneath the layer's root
(openat2, RESOLVE_BENEATH, no magic links); the last one is created exclusively and without following links,
so nothing outside can be reached, whatever the archive says and whatever it put there before. Nobody else
sees the directory while this runs.

Whiteouts (image-spec layer.md) become overlayfs's own: `.wh.NAME` a character device 0:0 and `.wh..wh..opq`
the attribute trusted.overlay.opaque (Documentation/filesystems/overlayfs.rst). An overlay hides only what
lies below, so their order in the archive does not matter, with one exception: `.wh.NAME` beside an own
directory NAME makes that directory opaque.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, openat2
from sampan.storage import tar
from sampan.storage.buffer import Buffer
from sampan.storage.remove import remove_at
from sampan.storage.tar import Entry, Limits, TarReader

_BENEATH = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPAQUE = "trusted.overlay.opaque"
_WHITEOUT = b".wh."
_OPAQUE_NAME = b".wh..wh..opq"
_AUFS = (b".wh..wh.aufs", b".wh..wh.orph", b".wh..wh.plnk")  # its own book-keeping, ignored as in Docker
_DEPTH_LIMIT = 256  # directories within each other
_PATH_LIMIT = 4096
_OPEN_DIRECTORIES = 24
# Attributes that steer overlayfs itself: never taken from outside (they could point to other files).
_STEERING = ("trusted.overlay.", "user.overlay.", "system.overlay.")
_FAULTS_OF_ENTRIES = frozenset(
    getattr(errno, name)
    for name in ("ENOENT", "ENOTDIR", "ENAMETOOLONG", "EEXIST", "EISDIR", "EFBIG", "EPERM", "EINVAL")
)
_NOT_TO_BE_HAD = frozenset((errno.EOPNOTSUPP, errno.EPERM, errno.EINVAL))


class Unpacked(NamedTuple):
    size: int  # bytes of all regular files, each once
    entries: int
    opaque: bool  # the root itself hides all layers below


class Refused(InvalidArgument):
    """An entry that would leave the layer, or that no layer may have."""


def extract(buffer: Buffer, directory: str, limits: Limits, *, whiteouts: bool = True) -> Unpacked:
    """Unpack into the empty `directory`. On an exception whatever is there is the caller's to remove.

    `whiteouts` False: no layer, but somebody's files; `.wh.x` is a name as any other."""
    root = os.open(directory, _DIRECTORY)
    os.chmod(root, 0o755)
    extractor = _Extractor(root, limits, whiteouts=whiteouts)
    try:
        reader = TarReader(buffer, limits)
        for entry in reader:
            extractor.add(entry, reader)
        buffer.drain()
        extractor.finish()
        return Unpacked(extractor.size, extractor.entries, extractor.opaque)
    finally:
        extractor.close()


class _Extractor:
    def __init__(self, root: int, limits: Limits, *, whiteouts: bool) -> None:
        self._translates = whiteouts
        self.size = 0
        self.entries = 0
        self.opaque = False
        self._root = root
        self._limits = limits
        self._open: dict[bytes, int] = {}  # directories that were used last
        self._times: dict[bytes, int] = {}  # of directories, set at the end
        self._whiteouts: set[bytes] = set()  # ours

    def close(self) -> None:
        self._forget_directories()
        os.close(self._root)

    def finish(self) -> None:
        """Times of directories: whatever is created in them would change them again."""
        self._forget_directories()
        for path, time in self._times.items():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # replaced later in the archive
                descriptor = openat2(self._root, path or b".", _DIRECTORY | os.O_NOFOLLOW, _BENEATH)
                try:
                    os.utime(descriptor, ns=(time, time))
                finally:
                    os.close(descriptor)

    def add(self, entry: Entry, reader: TarReader) -> None:
        path = _clean(entry.name)
        parent, _, name = path.rpartition(b"/")
        try:
            if self._translates and (name.startswith(_WHITEOUT) or b"/.wh." in b"/" + path):
                self._hide(parent, name, path)
            else:
                self._create(entry, reader, parent, name)
        except OSError as error:
            raise _told(error, entry.name) from error
        self.entries += 1

    # Where things go

    def _parent(self, path: bytes) -> int:
        """The directory `path`, borrowed until the next call; made, with its parents, if it is not there."""
        found = self._open.get(path)
        if found is not None:
            return found
        try:
            descriptor = openat2(self._root, path or b".", _DIRECTORY, _BENEATH)
        except (FileNotFoundError, NotADirectoryError):
            descriptor = self._make_parents(path)
        if len(self._open) >= _OPEN_DIRECTORIES:
            self._forget_directories()
        self._open[path] = descriptor
        return descriptor

    def _make_parents(self, path: bytes) -> int:
        """Directories that the archive left out are root's and 0755, as in Docker."""
        parent, _, name = path.rpartition(b"/")
        if not name:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        above = self._parent(parent)
        hidden = self._take_whiteout(above, path, name)
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=above)
            os.chmod(name, 0o755, dir_fd=above)
        descriptor = openat2(self._root, path, _DIRECTORY, _BENEATH)
        if hidden:
            os.setxattr(descriptor, _OPAQUE, b"y")
        return descriptor

    def _forget_directories(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    # Whiteouts

    def _hide(self, parent: bytes, name: bytes, path: bytes) -> None:
        if any(part in _AUFS for part in path.split(b"/")):
            return
        if _WHITEOUT in (part[:4] for part in parent.split(b"/")):
            raise Refused(f"invalid whiteout: {os.fsdecode(path)!r}")
        if name == _OPAQUE_NAME:
            os.setxattr(self._parent(parent), _OPAQUE, b"y")
            self.opaque = self.opaque or not parent
            return
        target = name[len(_WHITEOUT) :]
        if target in (b"", b".", b"..") or target.startswith(_WHITEOUT):
            raise Refused(f"invalid whiteout: {os.fsdecode(path)!r}")
        self._white_out(parent, target)

    def _white_out(self, parent: bytes, name: bytes) -> None:
        directory = self._parent(parent)
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=directory)
        except FileExistsError:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):  # hides what is below as well as a device would
                os.setxattr(self._parent(_join(parent, name)), _OPAQUE, b"y")
        else:
            self._whiteouts.add(_join(parent, name))

    def _take_whiteout(self, directory: int, path: bytes, name: bytes) -> bool:
        """Whether a whiteout of ours stood there, which is gone now."""
        if path not in self._whiteouts:
            return False
        self._whiteouts.discard(path)
        os.unlink(name, dir_fd=directory)
        return True

    # Creating

    def _create(self, entry: Entry, reader: TarReader, parent: bytes, name: bytes) -> None:
        if not name:
            return self._root_entry(entry)
        directory = self._parent(parent)
        if entry.type == tar.REGULAR:
            return self._file(entry, reader, directory, parent, name)
        if entry.type == tar.DIRECTORY:
            return self._directory(entry, directory, parent, name)
        if entry.type == tar.HARD_LINK:
            return self._hard_link(entry, directory, parent, name)
        self._make_way(directory, parent, name)
        if entry.type == tar.SYMLINK:
            os.symlink(entry.link, name, dir_fd=directory)
            self.size += len(entry.link)  # counts in Docker too
        else:
            os.mknod(name, _node_type(entry) | 0o600, os.makedev(*entry.device), dir_fd=directory)
        return self._dress_name(entry, directory, name)

    def _root_entry(self, entry: Entry) -> None:
        if entry.type != tar.DIRECTORY:
            raise Refused(f"invalid entry {os.fsdecode(entry.name)!r}: the root must be a directory")
        self._dress(entry, self._root)
        self._times[b""] = entry.mtime

    def _file(self, entry: Entry, reader: TarReader, directory: int, parent: bytes, name: bytes) -> None:
        try:
            descriptor = os.open(name, _CREATE, 0o600, dir_fd=directory)
        except FileExistsError:
            self._make_way(directory, parent, name)
            descriptor = os.open(name, _CREATE, 0o600, dir_fd=self._parent(parent))
        try:
            self._write(entry, reader, descriptor)
            self._dress(entry, descriptor)
            os.utime(descriptor, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(descriptor)

    def _write(self, entry: Entry, reader: TarReader, descriptor: int) -> None:
        if entry.holes is not None:
            self._write_sparse(entry, reader, descriptor)
            return
        for piece in reader.data():
            self._count(len(piece))
            written = os.write(descriptor, piece)
            while written < len(piece):
                written += os.write(descriptor, piece[written:])

    def _write_sparse(self, entry: Entry, reader: TarReader, descriptor: int) -> None:
        os.ftruncate(descriptor, entry.size)
        data = reader.data()
        piece = memoryview(b"")
        for start, length in entry.holes or ():
            offset, end = start, start + length
            while offset < end:
                piece = piece or next(data)
                written = os.pwrite(descriptor, piece[: end - offset], offset)
                self._count(written)
                offset += written
                piece = piece[written:]

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > self._limits.total:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _directory(self, entry: Entry, directory: int, parent: bytes, name: bytes) -> None:
        path = _join(parent, name)
        hidden = self._take_whiteout(directory, path, name)
        try:
            os.mkdir(name, 0o700, dir_fd=directory)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=directory)
                self._forget_directories()  # a link that led to one of them may be gone
                os.mkdir(name, 0o700, dir_fd=self._parent(parent))
        descriptor = self._parent(path)
        self._dress(entry, descriptor)
        if hidden:
            os.setxattr(descriptor, _OPAQUE, b"y")
        self._times[path] = entry.mtime

    def _hard_link(self, entry: Entry, directory: int, parent: bytes, name: bytes) -> None:
        target_parent, _, target = _clean(entry.link.lstrip(b"/")).rpartition(b"/")
        hidden = self._translates and any(part.startswith(_WHITEOUT) for part in entry.link.split(b"/"))
        if not target or hidden:
            raise Refused(f"invalid hard link {os.fsdecode(entry.name)!r} to {os.fsdecode(entry.link)!r}")
        source = openat2(self._root, target_parent or b".", _DIRECTORY, _BENEATH)
        try:
            status = os.stat(target, dir_fd=source, follow_symlinks=False)
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:  # a whiteout of ours
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if not self._is_same(status, directory, name):
                self._make_way(directory, parent, name)
                place = self._parent(parent)
                os.link(target, name, src_dir_fd=source, dst_dir_fd=place, follow_symlinks=False)
        finally:
            os.close(source)

    @staticmethod
    def _is_same(status: os.stat_result, directory: int, name: bytes) -> bool:
        try:
            other = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == (other.st_dev, other.st_ino)

    def _make_way(self, directory: int, parent: bytes, name: bytes) -> None:
        """Whatever an earlier entry put there goes; a later entry of the same name wins."""
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            remove_at(directory, name)
        path = _join(parent, name)
        self._whiteouts.discard(path)
        self._times = {k: v for k, v in self._times.items() if k != path and not k.startswith(path + b"/")}
        kept = self._open.pop(parent, None)
        self._forget_directories()
        if kept is not None:
            self._open[parent] = kept

    # Owner, mode, attributes, times

    def _dress(self, entry: Entry, descriptor: int) -> None:
        os.chown(descriptor, entry.uid, entry.gid)
        os.chmod(descriptor, entry.mode)  # after chown, which clears setuid and setgid
        for name, value in entry.xattrs.items():
            _set_xattr(descriptor, name, value)

    def _dress_name(self, entry: Entry, directory: int, name: bytes) -> None:
        """For what cannot be opened: links, and devices, which must not be opened."""
        os.chown(name, entry.uid, entry.gid, dir_fd=directory, follow_symlinks=False)
        if entry.type != tar.SYMLINK:
            os.chmod(name, entry.mode, dir_fd=directory)  # a node of ours, made just now: no link to follow
        for key, value in entry.xattrs.items():
            _set_xattr(b"/proc/self/fd/%d/%s" % (directory, name), key, value)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=directory, follow_symlinks=False)


def _set_xattr(where: int | bytes, name: str, value: bytes) -> None:
    if name.startswith(_STEERING):
        return
    try:
        if isinstance(where, int):
            os.setxattr(where, name, value)
        else:
            os.setxattr(where, name, value, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NOT_TO_BE_HAD:  # as in Docker: the file system may not have them
            raise


def _node_type(entry: Entry) -> int:
    if entry.type == tar.FIFO:
        return stat.S_IFIFO
    if entry.type == tar.BLOCK_DEVICE:
        return stat.S_IFBLK
    if entry.device == (0, 0):
        raise Refused(f"invalid device {os.fsdecode(entry.name)!r}: 0:0 is a whiteout of overlayfs")
    return stat.S_IFCHR


def _clean(name: bytes) -> bytes:
    """The path of an entry below the root, without `.` and doubled slashes; b"" for the root itself."""
    if name.strip(b"/") and name.startswith(b"/"):
        raise Refused(f"invalid name {os.fsdecode(name)!r}: absolute path")
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise Refused(f'invalid name {os.fsdecode(name)!r}: path leads out of the layer by ".."')
    if not name or len(name) > _PATH_LIMIT or len(parts) > _DEPTH_LIMIT:
        raise Refused(f"invalid name {os.fsdecode(name)[:100]!r}: empty, too long or too deep")
    return b"/".join(parts)


def _join(parent: bytes, name: bytes) -> bytes:
    return parent + b"/" + name if parent else name


def _told(error: OSError, name: bytes) -> Exception:
    """What the kernel refused, in words; running out of space or of luck stays an OSError."""
    shown = os.fsdecode(name)
    if error.errno in (errno.EXDEV, errno.ELOOP):
        return Refused(f"invalid name {shown!r}: a symbolic link leads out of the layer")
    if error.errno in _FAULTS_OF_ENTRIES:
        reason = (error.strerror or "").lower()
        return Refused(f"invalid entry {shown!r}: {reason}")
    return error


def unpack(chunks: Iterator[bytes], directory: str, limits: Limits, *, whiteouts: bool = True) -> Unpacked:
    """`extract` for a stream of plain tar."""
    return extract(Buffer(chunks), directory, limits, whiteouts=whiteouts)
