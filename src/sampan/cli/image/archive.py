"""A file, or standard input, in pieces for an upload."""

from __future__ import annotations

import posix

from sampan.cli import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 256 * 1024  # bytes


def pieces(path: str) -> Iterator[bytes]:
    """The bytes of the file; of standard input for "-". The file is opened at once, so that its lack is
    told first.
    """
    descriptor = console.STDIN if path == "-" else posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    return _read(descriptor)


def _read(descriptor: int) -> Iterator[bytes]:
    try:
        while data := posix.read(descriptor, _PIECE):
            yield data
    finally:
        if descriptor != console.STDIN:
            posix.close(descriptor)
