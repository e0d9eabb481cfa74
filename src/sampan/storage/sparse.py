"""The maps of sparse files in tar archives: GNU's old format ("S") and pax 0.0, 0.1 and 1.0.

A map is a list of (offset, length) of the pieces of data; the rest of the file is a hole.
"""

from collections.abc import Callable, Iterator

from sampan.errors import InvalidArgument
from sampan.storage import pax

Pieces = list[tuple[int, int]]
_BLOCK = 512
_ENTRY = 24  # bytes: offset and length, 12 characters each
_PIECES_LIMIT = 1_000_000


def old_gnu_blocks(header: bytes, block: Callable[[], bytes]) -> Iterator[bytes]:
    """The parts of the header, and of the blocks that continue it, which hold map entries."""
    yield header[386 : 386 + 4 * _ENTRY]
    more = header[482]
    while more:
        continuation = block()
        yield continuation[: 21 * _ENTRY]
        more = continuation[504]


def old_gnu(parts: Iterator[bytes], real_size: int) -> tuple[Pieces, int]:
    pieces: Pieces = []
    for part in parts:
        for start in range(0, len(part), _ENTRY):
            entry = part[start : start + _ENTRY]
            if not entry.strip(b"\0 "):
                continue
            pieces.append((_field(entry[:12]), _field(entry[12:])))
            _bounded(len(pieces))
    return pieces, real_size


def from_pax(over: dict[bytes, bytes], size: int, read: Callable[[int], bytes]) -> tuple[Pieces, int]:
    """`read` gives the entry's data: format 1.0 keeps its map at the start of it."""
    if over.get(b"GNU.sparse.major") == b"1":
        return _map_in_data(read), pax.number(over.get(b"GNU.sparse.realsize", b""))
    real = pax.number(over.get(b"GNU.sparse.size") or over.get(b"GNU.sparse.realsize") or b"%d" % size)
    text = over.get(b"GNU.sparse.map", b"")
    numbers = [pax.number(value) for value in text.split(b",")] if text else []
    if len(numbers) % 2:
        raise InvalidArgument("archive/tar: invalid tar header")
    return list(zip(numbers[::2], numbers[1::2], strict=True)), real


def _map_in_data(read: Callable[[int], bytes]) -> Pieces:
    """Decimal numbers, one a line: how many pieces, then offset and length of each; padded to whole
    blocks."""
    text = read(_BLOCK)
    count = _PIECES_LIMIT
    lines = text.split(b"\n")
    if len(lines) > 1:
        count = pax.number(lines[0])
        _bounded(count)
    while len(lines) < 2 * count + 2:
        text = read(_BLOCK)
        lines[-1:] = (lines[-1] + text).split(b"\n")
    numbers = [pax.number(line) for line in lines[1 : 2 * count + 1]]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def check(pieces: Pieces, real_size: int, stored: int) -> None:
    """The pieces follow each other, stay inside of the file, and are together what the archive stores."""
    end = total = 0
    for offset, length in pieces:
        if offset < end:
            raise InvalidArgument("archive/tar: invalid tar header: overlapping pieces of a sparse file")
        end = offset + length
        total += length
    if end > real_size or total != stored or real_size >= 1 << 63:
        raise InvalidArgument("archive/tar: invalid tar header: bad map of a sparse file")


def _bounded(count: int) -> None:
    if count > _PIECES_LIMIT:
        raise InvalidArgument("archive/tar: invalid tar header: too many pieces of a sparse file")


def _field(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
    digits = field.strip(b"\0 ")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise InvalidArgument("archive/tar: invalid tar header") from None
