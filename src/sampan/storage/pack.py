"""A directory as a tar stream, the same bytes for the same tree.

Of an overlay's upper directory the whiteouts are written as image layers have them (image-spec layer.md):
`.wh.NAME` for a character device 0:0, `.wh..wh..opq` for an opaque directory. Sockets are left out, as in
Docker; of the extended attributes `security.capability` and those of users go along.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from sampan.storage import tar
from sampan.storage.tarwriter import BLOCK, END, Header, encode, padding
from sampan.storage.walk import Entry, reading, walk

_CHUNK = 1 << 20
_OPAQUE = "trusted.overlay.opaque"
_DEFAULT_ROOT = (0o755, 0, 0)
_TYPES = {
    stat.S_IFREG: tar.REGULAR,
    stat.S_IFDIR: tar.DIRECTORY,
    stat.S_IFLNK: tar.SYMLINK,
    stat.S_IFCHR: tar.CHARACTER,
    stat.S_IFBLK: tar.BLOCK_DEVICE,
    stat.S_IFIFO: tar.FIFO,
}


class Rules(NamedTuple):
    overlay: bool = False  # whiteouts are translated
    one_filesystem: bool = False  # what is mounted below shows as something empty
    named: Callable[[bytes], bytes] | None = None  # the name in the archive of a path from the root


LAYER = Rules(overlay=True)


def pack(root: int, rules: Rules) -> Iterator[bytes]:
    """The whole archive of what is below the directory `root` (borrowed)."""
    yield from _Packer(rules).tree(root)
    yield END


def pack_path(path: str, rules: Rules = LAYER) -> Iterator[bytes]:
    root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from pack(root, rules)
    finally:
        os.close(root)


def pack_one(fd: int, name: bytes) -> Iterator[bytes]:
    """The archive of one file that is no directory; `fd`: O_PATH, borrowed."""
    yield from _Packer(Rules(named=lambda _path: name)).file(Entry(b"", fd, os.fstat(fd)))
    yield END


class _Packer:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._links: dict[tuple[int, int], bytes] = {}

    def tree(self, root: int) -> Iterator[bytes]:
        for entry in walk(root, one_filesystem=self._rules.one_filesystem):
            if entry.done:
                continue
            if stat.S_ISDIR(entry.status.st_mode):
                yield from self._directory(entry)
            elif self._rules.overlay and _is_whiteout(entry.status):
                parent, _, name = entry.path.rpartition(b"/")
                yield encode(Header(_join(parent, b".wh." + name), tar.REGULAR, 0o600))
            else:
                yield from self.file(entry)

    def _directory(self, entry: Entry) -> Iterator[bytes]:
        status = entry.status
        if entry.path or self._rules.named or _owner(status) != _DEFAULT_ROOT:
            name = self._name(entry.path) if entry.path or self._rules.named else b"."
            yield encode(self._header(entry, name.rstrip(b"/") + b"/", 0))
        if self._rules.overlay and _is_opaque(entry.fd):
            yield encode(Header(_join(entry.path, b".wh..wh..opq"), tar.REGULAR, 0o600))

    def file(self, entry: Entry) -> Iterator[bytes]:
        """Anything but a directory."""
        status, name = entry.status, self._name(entry.path)
        kind = stat.S_IFMT(status.st_mode)
        if kind not in _TYPES:
            return
        if status.st_nlink > 1 and entry.fd >= 0:
            first = self._links.setdefault((status.st_dev, status.st_ino), name)
            if first != name:
                yield encode(self._header(entry, name, 0)._replace(type=tar.HARD_LINK, link=first))
                return
        if kind != stat.S_IFREG or entry.fd < 0:
            yield encode(self._header(entry, name, 0))
        else:
            yield from self._regular(entry, name)

    def _regular(self, entry: Entry, name: bytes) -> Iterator[bytes]:
        """Exactly as many bytes as the header says, whatever happens to the file meanwhile."""
        file = reading(entry.fd)
        try:
            size = os.fstat(file).st_size
            head = encode(self._header(entry, name, size))
            left = size
            while left and (piece := os.read(file, min(_CHUNK, left))):
                left -= len(piece)
                if head or not left:
                    piece = head + piece + (padding(size) if not left else b"")
                    head = b""
                yield piece
            if left or not size:
                yield head
                yield from _zeros(left + (-size % BLOCK if size else 0))
        finally:
            os.close(file)

    def _header(self, entry: Entry, name: bytes, size: int) -> Header:
        status = entry.status
        kind = _TYPES[stat.S_IFMT(status.st_mode)]
        link = os.readlink(b"", dir_fd=entry.fd) if kind == tar.SYMLINK else b""
        special = kind in (tar.CHARACTER, tar.BLOCK_DEVICE)
        device = (os.major(status.st_rdev), os.minor(status.st_rdev)) if special else (0, 0)
        return Header(
            name,
            kind,
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            size,
            max(status.st_mtime_ns // 1_000_000_000, 0),
            link,
            device,
            _xattrs(entry.fd) if kind in (tar.REGULAR, tar.DIRECTORY) and entry.fd >= 0 else (),
        )

    def _name(self, path: bytes) -> bytes:
        return self._rules.named(path) if self._rules.named else path


def _owner(status: os.stat_result) -> tuple[int, int, int]:
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, _CHUNK))
        count -= _CHUNK


def _join(parent: bytes, name: bytes) -> bytes:
    return parent + b"/" + name if parent else name


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(directory: int) -> bool:
    try:
        return os.getxattr(f"/proc/self/fd/{directory}", _OPAQUE) == b"y"
    except OSError:
        return False


def _xattrs(fd: int) -> tuple[tuple[bytes, bytes], ...]:
    path, found = f"/proc/self/fd/{fd}", []
    try:
        names = os.listxattr(path)
    except OSError:
        return ()
    for name in sorted(names):
        if name == "security.capability" or (name.startswith("user.") and name[:13] != "user.overlay."):
            with suppress(OSError):
                found.append((os.fsencode(name), os.getxattr(path, name)))
    return tuple(found)
