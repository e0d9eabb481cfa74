"""Layers as registries keep them: gzip, always the same bytes for the same tar and the same library."""

import zlib
from collections.abc import Iterator
from typing import Any

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this machine
    isal_zlib = None  # type: ignore[assignment, unused-ignore]

_GZIP = 31  # window bits: a header without a name and a time


def gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    library: Any = isal_zlib or zlib
    level = isal_zlib.ISAL_BEST_COMPRESSION if isal_zlib else 6
    packer = library.compressobj(level, zlib.DEFLATED, _GZIP)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
