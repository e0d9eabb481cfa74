"""The bytes between a container and its clients, without I/O: frames, detach keys, bounded buffers.

Frames are the Engine API's: `[stream, 0, 0, 0, length (4 bytes, big endian)]`, then the bytes (API
reference, ContainerAttach, "Stream format"). Detach keys are Docker's grammar: "a" to "z", "@", …:
single characters, or "ctrl-" and one of a-z @ [ \\ ] ^ _ (moby/term, ascii.go), separated by commas.
"""

from collections import deque

STDIN, STDOUT, STDERR = 0, 1, 2

_CONTROL = {chr(ord("a") + i): i + 1 for i in range(26)} | {
    "@": 0,
    "[": 27,
    "\\": 28,
    "]": 29,
    "^": 30,
    "_": 31,
}


def frame_header(stream: int, length: int) -> bytes:
    return bytes((stream, 0, 0, 0)) + length.to_bytes(4, "big")


def parse_keys(keys: str) -> bytes:
    """The byte sequence that detaches. "" stays empty: never.

    Raises ValueError with Docker's words for a key that does not exist.
    """
    return bytes(_key(key) for key in keys.split(",")) if keys else b""


def _key(key: str) -> int:
    if len(key) == 1 and ord(key) < 128:
        return ord(key)
    if key.startswith("ctrl-") and key[5:] in _CONTROL:
        return _CONTROL[key[5:]]
    raise ValueError(f"Unknown character: '{key}'")


class DetachScanner:
    """Finds the detach sequence in what a client types, also split over packets.

    Bytes that may be its beginning are held back, as Docker does (moby/term, proxy.go); they follow
    when the next byte shows that they were not.
    """

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """(bytes for the process, whether the sequence is complete). What follows it is dropped."""
        if not self._keys:
            return data, False
        text = self._held + data
        at = text.find(self._keys)
        if at >= 0:
            self._held = b""
            return text[:at], True
        keep = self._beginning_at_end(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], False

    def rest(self) -> bytes:
        """What was held back when the client's input ended: it was typed, so it counts."""
        held, self._held = self._held, b""
        return held

    def _beginning_at_end(self, text: bytes) -> int:
        """How many of the last bytes begin the sequence (the longest such end)."""
        for length in range(min(len(self._keys) - 1, len(text)), 0, -1):
            if text.endswith(self._keys[:length]):
                return length
        return 0


class Outbox:
    """Bytes that wait for a slow reader: chunks are kept as they came, never joined."""

    __slots__ = ("_chunks", "size")

    def __init__(self) -> None:
        self._chunks: deque[bytes | memoryview] | None = None  # None while nothing waits: idle costs nothing
        self.size = 0

    def push(self, chunk: bytes | memoryview) -> None:
        if not chunk:
            return
        if self._chunks is None:
            self._chunks = deque()
        self._chunks.append(chunk)
        self.size += len(chunk)

    def peek(self) -> list[bytes | memoryview]:
        """The next chunks, for one writev(2); empty when nothing waits."""
        if self._chunks is None:
            return []
        return [self._chunks[i] for i in range(min(len(self._chunks), 16))]

    def advance(self, written: int) -> None:
        """Forget the first `written` bytes."""
        self.size -= written
        while written and self._chunks:
            chunk = self._chunks.popleft()
            if written < len(chunk):
                self._chunks.appendleft(memoryview(chunk)[written:])
                return
            written -= len(chunk)
        if not self._chunks:
            self._chunks = None

    def clear(self) -> None:
        self._chunks = None
        self.size = 0
