"""A stream of chunks, read in the sizes that a parser wants."""

from collections.abc import Iterator

from sampan.errors import InvalidArgument


class Truncated(InvalidArgument):
    """The stream ended in the middle of something."""

    def __init__(self) -> None:
        super().__init__("unexpected EOF")


class Buffer:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk: bytes = b""
        self._position = 0

    def _fill(self) -> bool:
        """The next chunk that has anything in it; False at the end."""
        for chunk in self._chunks:
            if chunk:
                self._chunk, self._position = chunk, 0
                return True
        self._chunk, self._position = b"", 0
        return False

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        end = self._position + size
        if end <= len(self._chunk):
            data = self._chunk[self._position : end]
            self._position = end
            return data
        return self._gather(size)

    def _gather(self, size: int) -> bytes:
        parts = []
        while size:
            part = self.some(size)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def take_or_end(self, size: int) -> bytes:
        """`size` bytes, or none at all where the stream ends."""
        if self._position == len(self._chunk) and not self._fill():
            return b""
        return self.take(size)

    def some(self, limit: int) -> memoryview:
        """Between 1 and `limit` bytes, without copying."""
        if self._position == len(self._chunk) and not self._fill():
            raise Truncated
        end = min(self._position + limit, len(self._chunk))
        piece = memoryview(self._chunk)[self._position : end]
        self._position = end
        return piece

    def skip(self, size: int) -> None:
        while size:
            size -= len(self.some(size))

    def skip_or_end(self, size: int) -> None:
        """Up to `size` bytes: the stream may end before."""
        while size and (self._position < len(self._chunk) or self._fill()):
            size -= len(self.some(size))

    def drain(self) -> None:
        """Read to the end of the stream and forget it."""
        while self._fill():
            pass
