"""What a worker thread makes piece by piece, on its way to a client: only as fast as that takes it."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Generator, Iterator

from sampan.api.messages import Stream
from sampan.errors import SampanError

_log = logging.getLogger(__name__)
_BATCH = 1 << 18  # bytes that are gathered for one hop between the threads


class _Source:
    """The pieces, taken by one thread at a time: a client may go away while another is at work."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._lock = threading.Lock()

    def gather(self) -> bytes:
        """The next pieces together; empty only at the end."""
        parts, size = [], 0
        with self._lock:
            for chunk in self._chunks:
                parts.append(chunk)
                size += len(chunk)
                if size >= _BATCH:
                    break
        return b"".join(parts)

    def close(self) -> None:
        """Let go of the files that a generator holds open."""
        with self._lock:
            if isinstance(self._chunks, Generator):
                self._chunks.close()


async def stream(
    chunks: Iterator[bytes],
    content_type: str = "application/x-tar",
    headers: tuple[tuple[str, str], ...] = (),
) -> Stream:
    """Raises what `chunks` raises before its first bytes, while it can still be an HTTP status."""
    source = _Source(chunks)
    first = await asyncio.to_thread(source.gather)
    return Stream(_rest(source, first), content_type, headers=headers)


async def _rest(source: _Source, first: bytes) -> AsyncIterator[bytes]:
    try:
        piece = first
        while piece:
            yield piece
            piece = await asyncio.to_thread(source.gather)
    except (OSError, SampanError) as error:
        # The head has left: all that can be said now is that this is not the end.
        _log.warning("an archive breaks off: %s", error)
        raise ConnectionAbortedError(str(error)) from error
    finally:
        await asyncio.to_thread(source.close)
