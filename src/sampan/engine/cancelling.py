"""Work on a thread that nobody may want any more. Calm."""

import threading
from collections.abc import Iterator

from sampan.errors import Cancelled


def until(chunks: Iterator[bytes], cancelled: threading.Event) -> Iterator[bytes]:
    """The chunks. Raises Cancelled in place of the next one, once the event is set."""
    for chunk in chunks:
        if cancelled.is_set():
            raise Cancelled("context canceled")
        yield chunk
