"""A build on its way to the client: the lines of the classic builder, or every event for our own client."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from sampan.api.messages import Stream
from sampan.api.progress import Line, told
from sampan.api.status import encodable
from sampan.engine.builds.build import Built
from sampan.engine.builds.events import (
    Begun,
    Ended,
    Event,
    Note,
    Output,
    Planned,
    Report,
    Running,
    Vertex,
    Warned,
)
from sampan.engine.builds.request import BuildFailed
from sampan.errors import SampanError

Work = Callable[[Report], Awaitable[Built]]
TRACE = "sampan.build.trace"


class Shown(Protocol):
    """Events in, lines out."""

    def event(self, event: Event) -> list[Line]: ...
    def built(self, built: Built) -> list[Line]: ...


async def streamed(work: Work, *, traced: bool, quiet: bool) -> Stream:
    """Start `work`; answer as soon as there is a first line. Raises what it raised before that. The work ends
    with the client."""
    shown: Shown = _Trace() if traced else _Quiet() if quiet else _Classic()
    queue: asyncio.Queue[Line | Exception | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def report(event: Event) -> None:
        loop.call_soon_threadsafe(_put, queue, shown, event)

    task = asyncio.ensure_future(_run(work, report, shown, queue))
    try:
        first = await queue.get()
    except asyncio.CancelledError:
        task.cancel()
        raise
    if isinstance(first, Exception):
        raise first
    return Stream(_lines(task, queue, first))


def _put(queue: "asyncio.Queue[Line | Exception | None]", shown: Shown, event: Event) -> None:
    for line in shown.event(event):
        queue.put_nowait(line)


async def _run(
    work: Work, report: Report, shown: Shown, queue: "asyncio.Queue[Line | Exception | None]"
) -> None:
    try:
        built = await work(report)
    except Exception as error:
        await asyncio.sleep(0)  # what was reported from other threads comes first
        queue.put_nowait(error)
        return
    await asyncio.sleep(0)
    for line in shown.built(built):
        queue.put_nowait(line)
    queue.put_nowait(None)


async def _lines(
    task: "asyncio.Task[None]", queue: "asyncio.Queue[Line | Exception | None]", first: Line | None
) -> AsyncIterator[bytes]:
    try:
        async for line in told(queue.get, first, _failure):
            yield line
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _failure(error: Exception) -> Line:
    text = encodable(str(error) if isinstance(error, SampanError) else f"internal error: {error!r}")
    detail: Line = {"message": text}
    if isinstance(error, BuildFailed):
        detail["code"] = error.code
        if error.excerpt:
            detail["excerpt"] = error.excerpt
        if error.process:
            detail["process"] = error.process
        if error.debug:
            detail["debug"] = error.debug
    return {"errorDetail": detail, "error": text}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class _Trace:
    def event(self, event: Event) -> list[Line]:
        return [{"id": TRACE, "aux": fields}] if (fields := _fields(event)) else []

    def built(self, built: Built) -> list[Line]:
        done: Line = {"ID": built.image, "tags": built.tags, "warnings": built.warnings}
        if built.new:
            done["new"] = True
        if built.caches:
            done["caches"] = list(built.caches)
        return [{"aux": done}]


def _fields(event: Event) -> Line | None:
    if isinstance(event, Begun):
        vertex = event.vertex
        return {"begun": vertex.number, "name": vertex.name, "quiet": vertex.quiet}
    if isinstance(event, Output):
        return {"output": event.vertex.number, "data": _text(event.data), "stderr": event.error}
    if isinstance(event, Ended):
        return {"ended": event.vertex.number, "cached": event.cached, "failure": encodable(event.failure)}
    if isinstance(event, Warned):
        return {"warning": event.rule, "message": event.message, "excerpt": event.excerpt, "line": event.line}
    if isinstance(event, Note):
        return {"note": event.text}
    return None


class _Quiet:
    def event(self, event: Event) -> list[Line]:
        return []

    def built(self, built: Built) -> list[Line]:
        return [{"stream": f"{built.image}\n"}]


class _Classic:
    """One instruction after the other, as the classic builder goes through them: what runs beside the one in
    front waits for its turn."""

    def __init__(self) -> None:
        self._total = 0
        self._front = 1
        self._waiting: dict[int, list[Line]] = {}
        self._ended: set[int] = set()
        self._notes: list[str] = []
        self._last = ""
        self._containers: dict[int, str] = {}

    def event(self, event: Event) -> list[Line]:
        if isinstance(event, Planned):
            self._total = event.steps
            return []
        if isinstance(event, Note):
            self._notes.append(event.text)
            return []
        if isinstance(event, Warned):
            return []
        if not event.vertex.step:
            return self._around(event)
        self._waiting.setdefault(event.vertex.step, []).extend(self._lines(event))
        if isinstance(event, Ended):
            self._ended.add(event.vertex.step)
        return self._flush()

    @staticmethod
    def _around(event: Event) -> list[Line]:
        """A pull of a base image is shown as it goes."""
        return [{"stream": _text(event.data)}] if isinstance(event, Output) else []

    def _lines(self, event: Event) -> list[Line]:
        if isinstance(event, Begun):
            return [
                {"stream": f"Step {event.vertex.step}/{self._total} : {event.vertex.text}"},
                {"stream": "\n"},
            ]
        if isinstance(event, Output):
            return [{"stream": _text(event.data)}]
        if isinstance(event, Running):
            self._containers[event.vertex.step] = event.container[:12]
            return [{"stream": f" ---> Running in {event.container[:12]}\n"}]
        if isinstance(event, Ended) and not event.failure:
            return self._end(event, event.vertex)
        return []

    def _end(self, event: Ended, vertex: Vertex) -> list[Line]:
        lines: list[Line] = []
        if event.cached:
            lines.append({"stream": " ---> Using cache\n"})
        if vertex.step in self._containers:
            lines.append(
                {"stream": f" ---> Removed intermediate container {self._containers[vertex.step]}\n"}
            )
        named = f"{self._last}\n{vertex.text}".encode("utf-8", "surrogateescape")
        self._last = event.identity or hashlib.sha256(named).hexdigest()
        lines.append({"stream": f" ---> {self._last[:12]}\n"})
        return lines

    def _flush(self) -> list[Line]:
        found: list[Line] = []
        while True:
            found += self._waiting.pop(self._front, [])
            if self._front not in self._ended:
                return found
            self._front += 1

    def built(self, built: Built) -> list[Line]:
        lines: list[Line] = [{"stream": note} for note in self._notes]
        lines.append({"aux": {"ID": built.image}})
        lines.append({"stream": f"Successfully built {built.image.removeprefix('sha256:')[:12]}\n"})
        lines += [{"stream": f"Successfully tagged {tag}\n"} for tag in built.tags]
        return lines
