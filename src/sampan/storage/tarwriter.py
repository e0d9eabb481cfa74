"""Writes tar headers: ustar where that is enough, pax records for what it cannot say (pax(1)).

The same entry always gives the same bytes. Times are whole seconds, as in the layers that Docker writes.
"""

from typing import NamedTuple

BLOCK = 512
END = bytes(2 * BLOCK)
_OCTAL_7 = 0o7777777
_SIZE_LIMIT = 1 << 33  # what 11 octal digits hold
_NAME = 100  # bytes


class Header(NamedTuple):
    name: bytes
    type: bytes  # of storage.tar
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0  # seconds
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


def encode(header: Header) -> bytes:
    """The header's blocks; the data and `padding` follow."""
    records = _records(header)
    if not records:
        return _block(header)
    body = b"".join(map(_record, records))
    extended = Header(b"PaxHeaders.0/" + _tail(header.name), b"x", size=len(body))
    return _block(extended) + body + padding(len(body)) + _block(header)


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def _records(header: Header) -> list[tuple[bytes, bytes]]:
    found = []
    if _needs_record(header.name):
        found.append((b"path", header.name))
    if _needs_record(header.link):
        found.append((b"linkpath", header.link))
    for key, value, limit in (
        (b"uid", header.uid, _OCTAL_7 + 1),
        (b"gid", header.gid, _OCTAL_7 + 1),
        (b"size", header.size, _SIZE_LIMIT),
        (b"mtime", header.mtime, _SIZE_LIMIT),
    ):
        if value >= limit:
            found.append((key, b"%d" % value))
    found += [(b"SCHILY.xattr." + name, value) for name, value in header.xattrs]
    return found


def _needs_record(name: bytes) -> bool:
    return len(name) > _NAME or not name.isascii()


def _record(record: tuple[bytes, bytes]) -> bytes:
    rest = b" %s=%s\n" % record
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def _tail(name: bytes) -> bytes:
    return name.rstrip(b"/").rpartition(b"/")[2][-60:].decode("ascii", "replace").encode("ascii", "replace")


def _block(header: Header) -> bytes:
    head = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0        %s%s" % (
        header.name[:_NAME].ljust(_NAME, b"\0"),
        header.mode & 0o7777,
        header.uid if header.uid <= _OCTAL_7 else 0,
        header.gid if header.gid <= _OCTAL_7 else 0,
        header.size if header.size < _SIZE_LIMIT else 0,
        header.mtime if 0 <= header.mtime < _SIZE_LIMIT else 0,
        header.type,
        header.link[:_NAME].ljust(_NAME, b"\0"),
    )
    devices = b"%07o\0%07o\0" % header.device if header.type in b"34" else bytes(16)
    block = (head + b"ustar\x0000" + bytes(64) + devices).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
