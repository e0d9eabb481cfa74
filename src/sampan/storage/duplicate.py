"""A second copy of an upper directory that a running container goes on writing to.

The file system shares the data where it can (FICLONE: XFS, btrfs); elsewhere the kernel copies it
(copy_file_range(2)), and holes stay holes. Hard links would share more than data: what the container writes
next would be in both.
"""

import errno
import fcntl
import os
import stat
from contextlib import suppress

from sampan.storage.taken import Measured
from sampan.storage.walk import Entry, reading, walk

_FICLONE = 0x40049409
_PIECE = 1 << 30
_KEPT = "trusted.overlay.opaque"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def duplicate(source: str, target: str) -> Measured:
    """`target` is an empty directory that nobody else knows. What was copied."""
    root = os.open(source, _DIRECTORY)
    try:
        return _Copier(os.open(target, _DIRECTORY)).run(root)
    finally:
        os.close(root)


class _Copier:
    def __init__(self, target: int) -> None:
        self._root = target
        self._levels: list[int] = []
        self._links: dict[tuple[int, int], tuple[int, bytes]] = {}
        self._size = 0
        self._entries = 0

    def run(self, source: int) -> Measured:
        try:
            for entry in walk(source):
                if stat.S_ISDIR(entry.status.st_mode):
                    self._directory(entry)
                elif not stat.S_ISSOCK(entry.status.st_mode):
                    self._entry(entry)
            return Measured(self._size, self._entries)
        finally:
            for fd in self._levels:
                os.close(fd)
            for fd, _ in self._links.values():
                os.close(fd)

    def _directory(self, entry: Entry) -> None:
        if entry.done:
            fd = self._levels.pop()
            os.utime(fd, ns=(entry.status.st_mtime_ns, entry.status.st_mtime_ns))
            os.close(fd)
            return
        if not self._levels:
            fd = self._root
        else:
            name = entry.path.rpartition(b"/")[2]
            os.mkdir(name, 0o700, dir_fd=self._levels[-1])
            fd = os.open(name, _DIRECTORY, dir_fd=self._levels[-1])
            self._entries += 1
        self._levels.append(fd)
        _dress(entry, fd)

    def _entry(self, entry: Entry) -> None:
        status, name, directory = entry.status, entry.path.rpartition(b"/")[2], self._levels[-1]
        self._entries += 1
        if status.st_nlink > 1 and self._link(status, directory, name):
            return
        if stat.S_ISREG(status.st_mode):
            self._file(entry, directory, name)
            return
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(b"", dir_fd=entry.fd), name, dir_fd=directory)
        else:
            os.mknod(name, status.st_mode, status.st_rdev, dir_fd=directory)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=directory)
        times = (status.st_mtime_ns, status.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=directory, follow_symlinks=False)

    def _link(self, status: os.stat_result, directory: int, name: bytes) -> bool:
        """Hard links among the copied files stay hard links."""
        key = (status.st_dev, status.st_ino)
        if key not in self._links:
            self._links[key] = (os.dup(directory), name)
            return False
        where, first = self._links[key]
        with suppress(FileNotFoundError):
            os.link(first, name, src_dir_fd=where, dst_dir_fd=directory, follow_symlinks=False)
            return True
        return False

    def _file(self, entry: Entry, directory: int, name: bytes) -> None:
        inner = reading(entry.fd)
        try:
            outer = os.open(name, _CREATE, 0o600, dir_fd=directory)
            try:
                self._size += copy_data(inner, outer)
                _dress(entry, outer)
                os.utime(outer, ns=(entry.status.st_mtime_ns, entry.status.st_mtime_ns))
            finally:
                os.close(outer)
        finally:
            os.close(inner)


def copy_data(source: int, target: int) -> int:
    """All of a regular file: its size."""
    size = os.fstat(source).st_size
    if size:
        try:
            fcntl.ioctl(target, _FICLONE, source)
        except OSError:  # EOPNOTSUPP, EXDEV, EINVAL: not on this file system
            _copy_pieces(source, target, size)
    return size


def _copy_pieces(source: int, target: int, size: int) -> None:
    os.ftruncate(target, size)
    offset = 0
    while offset < size:
        try:
            start = os.lseek(source, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        offset = os.lseek(source, start, os.SEEK_HOLE)
        while start < offset:
            copied = _copy_piece(source, target, start, min(offset - start, _PIECE))
            if not copied:  # it was cut off meanwhile
                return
            start += copied


def _dress(entry: Entry, fd: int) -> None:
    os.fchown(fd, entry.status.st_uid, entry.status.st_gid)
    os.fchmod(fd, stat.S_IMODE(entry.status.st_mode))
    source = f"/proc/self/fd/{entry.fd}"
    with suppress(OSError):
        for name in os.listxattr(source):
            if name == _KEPT or not name.startswith(("trusted.overlay.", "user.overlay.")):
                with suppress(OSError):
                    os.setxattr(fd, name, os.getxattr(source, name))


def _copy_piece(source: int, target: int, start: int, length: int) -> int:
    """How much of it was copied."""
    try:
        return os.copy_file_range(source, target, length, start, start)
    except OSError as error:
        if error.errno != errno.EXDEV:  # two file systems, even of one kind
            raise
    os.lseek(target, start, os.SEEK_SET)
    return os.sendfile(target, source, start, length)
