"""/_ping, /version, /info, /events and the other pages about the engine itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from sampan.api.messages import Request, Response, Stream
from sampan.api.query import Query
from sampan.engine import disk_usage, events, timestamps
from sampan.engine import info as engine_info
from sampan.engine.engine import Engine
from sampan.engine.settings import VERSION
from sampan.engine.state import State

HEADERS = (
    ("Api-Version", engine_info.API_VERSION),
    ("Docker-Experimental", "false"),
    ("Ostype", "linux"),
    ("Server", f"sampan/{VERSION} (linux)"),
)  # on every answer
_PING_HEADERS = (
    ("Builder-Version", "1"),
    ("Swarm", "inactive"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
)


def json(value: object, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(value) + b"\n")


async def ping(engine: Engine, request: Request) -> Response:
    body = b"" if request.method == "HEAD" else b"OK"
    return Response(200, body, "text/plain; charset=utf-8", _PING_HEADERS)


async def version(engine: Engine, request: Request) -> Response:
    return json(engine_info.version(engine.facts))


async def info(engine: Engine, request: Request) -> Response:
    states = [container.state for container in engine.containers]
    running, paused = states.count(State.RUNNING), states.count(State.PAUSED)
    counts = {
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": await asyncio.to_thread(disk_usage.image_count, engine),
    }
    return json(engine_info.info(engine.facts, engine.settings, counts, engine.bus.listeners))


async def listen(engine: Engine, request: Request) -> Stream:
    query = Query(request.query)
    since = timestamps.bound(query.text("since"), "since")
    until = timestamps.bound(query.text("until"), "until")
    wanted = events.matcher(query.filters(events.FILTERS))
    return Stream(_events(engine.bus.listen(since, until, wanted)))


async def _events(found: AsyncIterator[events.Event]) -> AsyncIterator[bytes]:
    async for event in found:
        yield msgspec.json.encode(event.wire()) + b"\n"


async def df(engine: Engine, request: Request) -> Response:
    return json(await disk_usage.disk_usage(engine, Query(request.query).many("type"), request.version))


def lines(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\r\n"
