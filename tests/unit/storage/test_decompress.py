import bz2
import contextlib
import gzip
import lzma
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import InvalidArgument
from sampan.storage import decompress as module
from sampan.storage.decompress import Ratio, compression, decompress

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
PLAIN = b"plain text that is no magic number " * 5000


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.fixture(params=["isal", "zlib"])
def gzip_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "zlib":
        monkeypatch.setattr(module, "isal_zlib", None)


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("size", [1, 5, 1000, 1 << 20])
def test_all_kinds(gzip_library: None, kind: str, size: int) -> None:
    packed = PACKERS[kind](PLAIN)
    assert b"".join(decompress(chunked(packed, size))) == PLAIN
    assert compression(packed) == kind


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "bzip2"])
@pytest.mark.parametrize("size", [1, 13, 1 << 20])
def test_parts_that_follow_each_other(gzip_library: None, kind: str, size: int) -> None:
    packed = PACKERS[kind](b"one") + PACKERS[kind](b"two")
    assert b"".join(decompress(chunked(packed, size))) == b"onetwo"


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_behind_gzip_may_be_zeros_only(gzip_library: None, size: int) -> None:
    packed = gzip.compress(b"x")
    assert b"".join(decompress(chunked(packed + bytes(20), size))) == b"x"
    with pytest.raises(InvalidArgument, match="gzip"):
        list(decompress(chunked(packed + b"rubbish", size)))


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_truncated(gzip_library: None, kind: str) -> None:
    packed = PACKERS[kind](PLAIN)
    with pytest.raises(InvalidArgument):
        list(decompress(chunked(packed[:-12], 100)))


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])  # zstd's checksum is optional, and off here
def test_damaged(gzip_library: None, kind: str) -> None:
    packed = bytearray(PACKERS[kind](PLAIN))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(InvalidArgument, match=kind):
        list(decompress(chunked(bytes(packed), 100)))


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "bzip2"])
def test_bombs_stop_early(kind: str) -> None:
    packed = PACKERS[kind](bytes(20 << 20))
    gave = 0
    with pytest.raises(InvalidArgument, match="decompression bomb"):
        for piece in decompress(chunked(packed, 1000), Ratio(limit=20, above=1 << 20)):
            gave += len(piece)
    assert gave < 4 << 20


def test_large_windows_are_refused() -> None:
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    ).compressobj()
    packed = packer.compress(b"x" * 1000) + packer.flush()
    with pytest.raises(InvalidArgument, match="zstd"):
        list(decompress(chunked(packed, 1000)))


@given(st.binary(max_size=300))
def test_anything_is_unpacked_or_refused(data: bytes) -> None:
    for magic in (b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh9"):
        with contextlib.suppress(InvalidArgument):
            list(decompress(iter([magic + data])))
