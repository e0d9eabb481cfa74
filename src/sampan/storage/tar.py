"""Reads tar archives as a stream: ustar, pax, GNU long names, base-256 numbers, sparse files.

Only parsing: nothing here touches a file system. Everything that an archive says is bounded (`Limits`) and
every name stays bytes, as tar has no character set. The formats are described in pax(1) and in GNU tar's
manual, "Basic Tar Format" and "Storing Sparse Files".
"""

from collections.abc import Iterator
from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.storage import pax, sparse
from sampan.storage.buffer import Buffer

BLOCK = 512
REGULAR, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = (
    b"0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
)
_PLAIN = frozenset((b"0", b"\0", b"7"))  # "7": contiguous, which nobody distinguishes
_KNOWN = frozenset((REGULAR, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO))
_WITHOUT_DATA = _KNOWN - {REGULAR}
_ZEROS = bytes(BLOCK)
_XATTR = b"SCHILY.xattr."
_SECOND = 1_000_000_000


class Limits(NamedTuple):
    header: int = 1 << 20  # bytes of one pax header or long name
    entries: int = 5_000_000
    total: int = 1 << 62  # bytes of all files together


class Entry(NamedTuple):
    name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    size: int  # of the file
    mtime: int  # nanoseconds
    link: bytes
    device: tuple[int, int]
    xattrs: dict[str, bytes]
    holes: list[tuple[int, int]] | None  # sparse: (offset, length) of each piece of data


class TarReader:
    """Iterate over the entries; between two steps `data()` gives the bytes of the entry at hand."""

    def __init__(self, buffer: Buffer, limits: Limits = Limits()) -> None:  # noqa: B008 (immutable)
        self._buffer = buffer
        self._limits = limits
        self._left = 0  # bytes of the entry's data that were not read
        self._padding = 0
        self._global: dict[bytes, bytes] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            yield entry

    def data(self) -> Iterator[memoryview]:
        """The rest of the data of the entry at hand (of a sparse file: the pieces, one after the other)."""
        while self._left:
            piece = self._buffer.some(self._left)
            self._left -= len(piece)
            yield piece

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes of the entry's data."""
        if size > self._left:
            raise InvalidArgument("archive/tar: invalid tar header")
        self._left -= size
        return self._buffer.take(size)

    def _next(self) -> Entry | None:
        overrides: dict[bytes, bytes] = {}
        long_name = long_link = None
        while True:
            header = self._header()
            if header is None:
                return None
            kind, size = header[156:157], _size(header)
            if kind in b"xLKg" and kind:
                body = self._meta(size)
                if kind == b"x":
                    overrides = pax.records(body)
                elif kind == b"L":
                    long_name = body.rstrip(b"\0")
                elif kind == b"K":
                    long_link = body.rstrip(b"\0")
                continue  # "g": defaults for all that follows; as in Docker they change nothing
            return self._entry(header, size, overrides, long_name, long_link)

    def _header(self) -> bytes | None:
        """The next header block; None at the end, which is a block of zeros or the end of the stream."""
        self._buffer.skip(self._left)
        self._buffer.skip_or_end(self._padding)  # Docker's client may end its last file without
        self._left = self._padding = 0
        header = self._buffer.take_or_end(BLOCK)
        if not header or header == _ZEROS:
            return None
        self._count += 1
        if self._count > self._limits.entries:
            raise InvalidArgument(f"archive has more than {self._limits.entries} entries")
        _check_sum(header)
        return header

    def _meta(self, size: int) -> bytes:
        if size > self._limits.header:
            raise InvalidArgument(f"archive/tar: header of {size} bytes is too long")
        body = self._buffer.take(size)
        self._buffer.skip(-size % BLOCK)
        return body

    def _entry(
        self, header: bytes, size: int, over: dict[bytes, bytes], name: bytes | None, link: bytes | None
    ) -> Entry:
        kind = header[156:157]
        name = over.get(b"path") or name or _name(header)
        link = over.get(b"linkpath") or link or _text(header[157:257])
        if b"size" in over:
            size = pax.number(over[b"size"])
        if kind in _PLAIN:
            kind = DIRECTORY if name.endswith(b"/") and kind != REGULAR else REGULAR
        if kind in _WITHOUT_DATA:
            size = 0  # whatever the header says: hard links of some writers carry the size of their target
        self._left, self._padding = size, -size % BLOCK
        pieces = None
        if kind == b"S" or any(key.startswith(b"GNU.sparse.") for key in over):
            pieces, size, name = self._sparse(header, kind, size, over, name)
            kind = REGULAR
        if kind not in _KNOWN:
            raise InvalidArgument(f"unhandled tar header type {kind[0] if kind else 0}")
        _check_name(name)
        _check_name(link)
        return Entry(
            name,
            kind,
            _octal(header[100:108]) & 0o7777,
            _id(over.get(b"uid"), header[108:116]),
            _id(over.get(b"gid"), header[116:124]),
            size,
            _time(over.get(b"mtime"), header[136:148]),
            link,
            (_octal(header[329:337]), _octal(header[337:345])) if kind in b"34" else (0, 0),
            {_xattr_name(k): v for k, v in over.items() if k.startswith(_XATTR)} if over else {},
            pieces,
        )

    def _sparse(
        self, header: bytes, kind: bytes, size: int, over: dict[bytes, bytes], name: bytes
    ) -> tuple[list[tuple[int, int]], int, bytes]:
        before = self._left
        if kind == b"S":
            blocks = sparse.old_gnu_blocks(header, lambda: self._buffer.take(BLOCK))
            pieces, real = sparse.old_gnu(blocks, _number(header[483:495]))
        else:
            pieces, real = sparse.from_pax(over, size, self.read)
            name = over.get(b"GNU.sparse.name") or name
        sparse.check(pieces, real, self._left)
        self._padding = -before % BLOCK
        return pieces, real, name


def _check_sum(header: bytes) -> None:
    wanted = _octal(header[148:156])
    blanked = sum(header) - sum(header[148:156]) + 8 * 0x20
    if wanted != blanked and wanted != _signed_sum(header):
        raise InvalidArgument("archive/tar: invalid tar header")


def _signed_sum(header: bytes) -> int:
    """What very old writers computed, with signed characters."""
    other = header[:148] + header[156:]
    return sum(byte - 256 if byte > 127 else byte for byte in other) + 8 * 0x20


def _name(header: bytes) -> bytes:
    name = _text(header[0:100])
    magic = header[257:265]
    # GNU's format has times where ustar has a prefix, except in what Go wrote before 1.8: that is ASCII text.
    if magic[:6] == b"ustar\0" or (magic == b"ustar  \0" and not _is_number(header[345:357])):
        prefix = _text(header[345:500])
        if prefix and prefix.isascii():
            return prefix + b"/" + name
    return name


def _is_number(field: bytes) -> bool:
    return not field.strip(b" \0") or field.strip(b" \0").isdigit() or bool(field[0] & 0x80)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _check_name(name: bytes) -> None:
    if b"\0" in name:
        raise InvalidArgument("archive/tar: invalid tar header: NUL byte in a name")


def _size(header: bytes) -> int:
    size = _number(header[124:136])
    if not 0 <= size < 1 << 63:
        raise InvalidArgument("archive/tar: invalid tar header: size out of range")
    return size


def _number(field: bytes) -> int:
    """Octal digits, or base 256 when the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
        return value - (1 << (8 * len(field) - 1)) if field[0] & 0x40 else value
    return _octal(field)


def _octal(field: bytes) -> int:
    digits = field.rstrip(b"\0 ")
    if digits.isdigit() and b"8" not in digits and b"9" not in digits:
        return int(digits, 8)  # what nearly every field is
    if field[0] & 0x80:
        return _number(field)
    digits = field.strip(b" \0").partition(b"\0")[0].strip(b" ")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise InvalidArgument("archive/tar: invalid tar header") from None


def _id(override: bytes | None, field: bytes) -> int:
    """A uid or gid. 2^32 - 1 means "leave as it is" to chown(2) and can therefore not be owned."""
    value = pax.number(override) if override else _number(field)
    if not 0 <= value < (1 << 32) - 1:
        raise InvalidArgument(f"archive/tar: invalid tar header: user or group {value} out of range")
    return value


def _time(override: bytes | None, field: bytes) -> int:
    """Nanoseconds; what lies outside of 1970 to 2262 becomes 0, as in Docker."""
    nanoseconds = pax.nanoseconds(override) if override else _number(field) * _SECOND
    return nanoseconds if 0 <= nanoseconds < 1 << 63 else 0


def _xattr_name(key: bytes) -> str:
    return key[len(_XATTR) :].decode("utf-8", "surrogateescape")
