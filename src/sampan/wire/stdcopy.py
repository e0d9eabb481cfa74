"""The framing of attach, logs and exec streams without a terminal: `[stream, 0, 0, 0, size u32be] payload`.

https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

STDIN = 0  # the daemon may use it for what it writes to stdout
STDOUT = 1
STDERR = 2
SYSTEM_ERROR = 3  # the daemon failed in the middle of the stream; the payload says why
HEADER = 8


class FramingError(Exception):
    """The stream is not framed, or broken; or the daemon reports an error in it."""


class Demultiplexer:
    """Bytes in, (stream, bytes) out. A frame is passed on piece by piece: it may be as large as a u32
    allows.
    """

    __slots__ = ("_head", "_left", "_stream")

    def __init__(self) -> None:
        self._head = b""
        self._stream = STDOUT
        self._left = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The payloads in `data`, in order; stream is STDOUT, STDERR or SYSTEM_ERROR."""
        pieces: list[tuple[int, bytes]] = []
        if self._head:
            data = self._head + data
            self._head = b""
        position, size = 0, len(data)
        while position < size:
            if not self._left:
                if size - position < HEADER:
                    self._head = data[position:]
                    break
                self._open(data[position : position + HEADER])
                position += HEADER
                continue
            piece = data[position : position + self._left]
            position += len(piece)
            self._left -= len(piece)
            pieces.append((self._stream, piece))
        return pieces

    def at_boundary(self) -> bool:
        """Whether the stream may end here."""
        return not self._head and not self._left

    def _open(self, head: bytes) -> None:
        stream = head[0]
        if stream > SYSTEM_ERROR:
            raise FramingError(f"Unrecognized input header: {stream}")
        self._stream = STDOUT if stream == STDIN else stream
        self._left = int.from_bytes(head[4:], "big")


def frame(stream: int, payload: bytes) -> bytes:
    """One frame, as a daemon writes it."""
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload
