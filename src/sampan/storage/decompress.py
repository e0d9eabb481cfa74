"""gzip, zstd, xz, bzip2 and plain data as streams of chunks, told apart by how they begin.

gzip goes through isal where it is installed (several times faster than zlib), otherwise through zlib. All of
them release the interpreter's lock while they work.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sampan.errors import InvalidArgument
from sampan.storage.buffer import Truncated

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this machine
    isal_zlib = None  # type: ignore[assignment, unused-ignore]

_OUT = 1 << 20  # bytes that one step of a decompressor may give, whatever the ratio
_ZSTD_WINDOW = 128 << 20
_LZMA_MEMORY = 256 << 20


class Ratio(NamedTuple):
    """Stops decompression bombs: `limit` : 1 is more than real layers reach, and small ones may do as they
    like."""

    limit: int = 200
    above: int = 256 << 20  # bytes


def decompress(chunks: Iterator[bytes], ratio: Ratio = Ratio()) -> Iterator[bytes]:  # noqa: B008 (immutable)
    """What `chunks` unpacks to; themselves where they are not compressed."""
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 6:
            break
    codec = _codec(first)
    whole = _chain(first, chunks)
    return whole if codec is None else _bounded(whole, codec, ratio)


def compression(first: bytes) -> str:
    """ "gzip", "zstd", "xz", "bzip2" or "" from the first bytes of a file."""
    for magic, name in (
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
    ):
        if first.startswith(magic):
            return name
    return ""


def _codec(first: bytes) -> Callable[[Iterator[bytes]], Iterator[bytes]] | None:
    return {"gzip": _gzip, "zstd": _zstd, "xz": _xz, "bzip2": _bzip2}.get(compression(first))


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _bounded(
    chunks: Iterator[bytes], codec: Callable[[Iterator[bytes]], Iterator[bytes]], ratio: Ratio
) -> Iterator[bytes]:
    came = gave = 0

    def counted() -> Iterator[bytes]:
        nonlocal came
        for chunk in chunks:
            came += len(chunk)
            yield chunk

    for piece in codec(counted()):
        gave += len(piece)
        if gave > ratio.above and gave > ratio.limit * came:
            raise InvalidArgument(
                f"decompression bomb: {came} bytes unpack to more than {gave} bytes (limit {ratio.limit}:1)"
            )
        yield piece


def _gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Members may follow each other (RFC 1952, 2.2); anything else behind one, but zeros, is an error."""
    zlib_like: Any = isal_zlib or zlib
    failure: Any = (zlib.error, isal_zlib.error) if isal_zlib else zlib.error
    member = zlib_like.decompressobj(31)
    between = False
    try:
        for chunk in chunks:
            data = chunk
            while data:
                if between:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    if not b"\x1f\x8b".startswith(data[:2]):
                        raise InvalidArgument("gzip: invalid header")
                    member, between = zlib_like.decompressobj(31), False
                piece = member.decompress(data, _OUT)
                if piece:
                    yield piece
                data = member.unconsumed_tail
                if member.eof:
                    data, between = member.unused_data, True
    except failure as error:
        raise InvalidArgument(f"gzip: invalid data: {error}") from error
    if not between:
        raise Truncated


def _zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard

    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    source = _File(chunks)
    try:
        # Gives at most what is asked for, whatever the ratio; frames may follow each other.
        with context.stream_reader(source, read_across_frames=True) as reader:  # type: ignore[arg-type]
            while piece := reader.read(_OUT):
                yield piece
    except zstandard.ZstdError as error:
        raise InvalidArgument(f"zstd: invalid data: {error}") from error


class _File:
    """What zstandard reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, _size: int = -1) -> bytes:
        return next(self._chunks, b"")


def _xz(chunks: Iterator[bytes]) -> Iterator[bytes]:
    return _streams(chunks, lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY), lzma.LZMAError, "xz")


def _bzip2(chunks: Iterator[bytes]) -> Iterator[bytes]:
    return _streams(chunks, bz2.BZ2Decompressor, (OSError, ValueError), "bzip2")


def _streams(chunks: Iterator[bytes], make: Callable[[], Any], failure: Any, name: str) -> Iterator[bytes]:
    """The decompressors of the standard library that bound their output; streams may follow each other."""
    stream = make()
    try:
        for chunk in chunks:
            data = chunk
            while data or (not stream.needs_input and not stream.eof):
                if stream.eof:
                    stream = make()
                piece = stream.decompress(data, _OUT)
                data = stream.unused_data if stream.eof else b""
                if stream.eof:
                    data = data.lstrip(b"\0") if name == "xz" else data
                if piece:
                    yield piece
    except failure as error:
        raise InvalidArgument(f"{name}: invalid data: {error}") from error
    if not stream.eof:
        raise Truncated
