"""Long work on a worker thread, told to the client line by line as it goes: pull, load, import.

What fails before the first line is an error with its HTTP status; after that it is a line of its own, since
the head has left. A client that goes away cancels the work.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import msgspec

from sampan.api.messages import Body, Stream
from sampan.engine.images.progress import Progress, Report
from sampan.errors import Cancelled, SampanError

Line = dict[str, Any]
Work = Callable[[Report, threading.Event], list[Line]]  # returns the lines that end the answer
_BAR = 50  # characters, as in Docker
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class _Channel:
    """From the worker thread into the loop. None: the work has ended."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Line | Exception | None] = asyncio.Queue()
        self.cancelled = threading.Event()

    def put(self, item: "Line | Exception | None") -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, item)

    async def get(self) -> "Line | Exception | None":
        return await self._queue.get()

    def report(self, progress: Progress) -> None:
        self.put(progress_line(progress))


async def streamed(work: Work) -> Stream:
    """Start `work`; answer as soon as there is a first line. Raises what it raised before that."""
    channel = _Channel()
    asyncio.get_running_loop().run_in_executor(None, _run, work, channel)
    try:
        first = await channel.get()
    except asyncio.CancelledError:
        channel.cancelled.set()
        raise
    if isinstance(first, Exception):
        raise first
    return Stream(_lines(channel, first))


def _run(work: Work, channel: _Channel) -> None:
    try:
        for line in work(channel.report, channel.cancelled):
            channel.put(line)
    except Exception as error:
        channel.put(error)
    else:
        channel.put(None)


async def _lines(channel: _Channel, first: Line | None) -> AsyncIterator[bytes]:
    try:
        async for line in told(channel.get, first, _failure):
            yield line
    finally:
        channel.cancelled.set()


async def told(
    following: Callable[[], Awaitable[Line | Exception | None]],
    first: Line | None,
    failure: Callable[[Exception], Line],
) -> AsyncIterator[bytes]:
    """The lines as they are sent, up to None, or to an error, which is the last of them."""
    item: Line | Exception | None = first
    while item is not None:
        if isinstance(item, Exception):
            yield _encoded(failure(item))
            return
        yield _encoded(item)
        item = await following()


def _encoded(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\r\n"


def _failure(error: Exception) -> Line:
    text = str(error) if isinstance(error, SampanError) else f"internal error: {error!r}"
    return {"errorDetail": {"message": text}, "error": text}


def progress_line(progress: Progress) -> Line:
    """One of Docker's JSON messages."""
    line: Line = {"status": progress.status}
    if progress.id:
        line["id"] = progress.id
        line["progressDetail"] = {}
    if progress.current is not None:
        line["progressDetail"] = {"current": progress.current, "total": progress.total or 0}
        line["progress"] = _bar(progress.current, progress.total or 0)
    return line


def _bar(current: int, total: int) -> str:
    """`[====>    ]  1.5MB/3MB`, for clients that print it as it is."""
    if total <= 0:
        return f"{_size(current):>8}"
    filled = min(_BAR, _BAR * current // total)
    arrow = ">" if filled < _BAR else ""
    blank = " " * (_BAR - filled - len(arrow))
    return f"[{'=' * filled}{arrow}{blank}]  {_size(current):>8}/{_size(total)}"


def _size(count: float) -> str:
    """Decimal units, four significant digits."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    return f"{count:.4g}{_UNITS[unit]}"


def pieces(body: Body, cancelled: threading.Event) -> Iterator[bytes]:
    """A request's body, read from a worker thread as fast as that thread takes it."""
    loop = asyncio.get_running_loop()

    def read() -> Iterator[bytes]:
        while True:
            piece = asyncio.run_coroutine_threadsafe(body.read(), loop).result()
            if not piece:
                return
            if cancelled.is_set():
                raise Cancelled("context canceled")
            yield piece

    return read()
