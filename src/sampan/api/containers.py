"""/containers: query and body in, verb called, JSON out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import msgspec

from sampan.api.messages import Answer, Request, Response, Stream
from sampan.api.query import Query
from sampan.api.system import json
from sampan.api.types import checked_body, create_body, json_body
from sampan.engine import prune_filters, timestamps
from sampan.engine.containers import (
    attach as attaching,
)
from sampan.engine.containers import (
    create as creating,
)
from sampan.engine.containers import inspect as inspecting
from sampan.engine.containers import kill as killing
from sampan.engine.containers import links as linking
from sampan.engine.containers import listing as listings
from sampan.engine.containers import logs as logging
from sampan.engine.containers import pause as pausing
from sampan.engine.containers import prune as pruning
from sampan.engine.containers import remove as removing
from sampan.engine.containers import rename as renaming
from sampan.engine.containers import resize as resizing
from sampan.engine.containers import restart as restarting
from sampan.engine.containers import start as starting
from sampan.engine.containers import stop as stopping
from sampan.engine.containers import update as updating
from sampan.engine.containers import uppers
from sampan.engine.containers import wait as waiting
from sampan.engine.containers.config import UpdateRequest
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
_NO_CONTENT = Response(204)
_NOT_MODIFIED = Response(304)


def find(engine: Engine, request: Request) -> Container:
    return engine.containers.find(request.parameters["id"])


def stream_type(request: Request, *, tty: bool) -> str:
    """Clients from API 1.42 on are told when frames are multiplexed."""
    return RAW if tty or request.version < (1, 42) else MULTIPLEXED


async def listing(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    wanted = listings.Wanted(query.flag("all"), query.number("limit") or -1, query.filters(listings.FILTERS))
    found = await _listed(engine, wanted)
    now = timestamps.now()
    rows = [listings.row(engine, container, now) for container in found]
    if query.flag("size"):
        rows = [await _with_size(engine, container, row) for container, row in zip(found, rows, strict=True)]
    return json(rows)


async def _listed(engine: Engine, wanted: listings.Wanted) -> list[Container]:
    if "ancestor" in wanted.filters:  # looks into the database
        return await asyncio.to_thread(listings.listing, engine, wanted)
    return listings.listing(engine, wanted)


async def _with_size(engine: Engine, container: Container, row: dict[str, Any]) -> dict[str, Any]:
    size = await asyncio.to_thread(uppers.usage, engine, container)
    whole = await asyncio.to_thread(inspecting.image_size, engine, row["ImageID"])
    return {**row, "SizeRw": size, "SizeRootFs": size + whole}


async def create(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    config, host, networking = create_body(await checked_body(request))
    created = await creating.create(
        engine,
        creating.Wanted(
            query.text("name"), config, host, networking, request.version, query.text("platform")
        ),
    )
    return json({"Id": created.id, "Warnings": created.warnings}, 201)


async def inspect(engine: Engine, request: Request) -> Response:
    container = find(engine, request)
    shown = inspecting.inspect(engine, container)
    if Query(request.query).flag("size"):
        size = await asyncio.to_thread(uppers.usage, engine, container)
        whole = await asyncio.to_thread(inspecting.image_size, engine, container.definition.image_id)
        shown |= {"SizeRw": size, "SizeRootFs": size + whole}
    return json(shown)


async def start(engine: Engine, request: Request) -> Response:
    attaching.check_keys(Query(request.query).text("detachKeys"))
    return _NO_CONTENT if await starting.start(engine, find(engine, request)) else _NOT_MODIFIED


async def stop(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    stopped = await stopping.stop(engine, find(engine, request), query.number("t"), query.text("signal"))
    return _NO_CONTENT if stopped else _NOT_MODIFIED


async def restart(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    await restarting.restart(engine, find(engine, request), query.number("t"), query.text("signal"))
    return _NO_CONTENT


async def kill(engine: Engine, request: Request) -> Response:
    await killing.kill(engine, find(engine, request), Query(request.query).text("signal"))
    return _NO_CONTENT


async def pause(engine: Engine, request: Request) -> Response:
    await pausing.pause(engine, find(engine, request))
    return _NO_CONTENT


async def unpause(engine: Engine, request: Request) -> Response:
    await pausing.unpause(engine, find(engine, request))
    return _NO_CONTENT


async def update(engine: Engine, request: Request) -> Response:
    """The body is the part of a HostConfig that has to do with resources, and the restart policy; and ports,
    which is ours."""
    container = find(engine, request)
    wanted = await json_body(request, UpdateRequest)
    answer: dict[str, Any] = {"Warnings": await updating.update(engine, container, wanted) or None}
    if wanted.publish_add is not None or wanted.publish_rm is not None:
        answer["Ports"] = inspecting.ports(container)
    return json(answer)


async def rename(engine: Engine, request: Request) -> Response:
    await renaming.rename(engine, find(engine, request), Query(request.query).text("name"))
    return _NO_CONTENT


async def resize(engine: Engine, request: Request) -> Response:
    height, width = size_of(request)
    await resizing.resize(engine, find(engine, request), height, width)
    return Response(200)


def size_of(request: Request) -> tuple[int, int]:
    query = Query(request.query)
    height, width = query.number("h"), query.number("w")
    if height is None or width is None:
        raise InvalidArgument('strconv.Atoi: parsing "": invalid syntax')
    if not (0 <= height < 65536 and 0 <= width < 65536):
        raise InvalidArgument("invalid size of a terminal")
    return height, width


async def remove(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    if query.flag("link"):
        await linking.remove(engine, request.parameters["id"])
        return _NO_CONTENT
    container = find(engine, request)
    await removing.remove(engine, container, force=query.flag("force"), volumes=query.flag("v"))
    return _NO_CONTENT


async def prune(engine: Engine, request: Request) -> Response:
    deleted, space = await pruning.prune(engine, Query(request.query).filters(prune_filters.FILTERS))
    return json({"ContainersDeleted": deleted or None, "SpaceReclaimed": space})


async def wait(engine: Engine, request: Request) -> Answer:
    """The head goes out at once: `docker run` starts the container only after it has seen it."""
    container = find(engine, request)
    future = waiting.waiter(container, Query(request.query).text("condition"))
    return Stream(_outcome(container, future))


async def _outcome(container: Container, future: Awaitable[int]) -> AsyncIterator[bytes]:
    try:
        code = await future
    finally:
        waiting.forget(container, future)
    yield msgspec.json.encode({"StatusCode": code}) + b"\n"


async def logs(engine: Engine, request: Request) -> Answer:
    container = find(engine, request)
    wanted = _logs_wanted(Query(request.query))
    logging.check(container, wanted)
    return Stream(
        logging.logs(engine, container, wanted),
        stream_type(request, tty=container.definition.config.tty),
    )


async def clear_logs(engine: Engine, request: Request) -> Response:
    """An addition to the API: DELETE of what GET shows."""
    await logging.clear(engine, find(engine, request))
    return _NO_CONTENT


def _logs_wanted(query: Query) -> logging.Wanted:
    tail = query.text("tail")
    count = int(tail) if tail.isascii() and tail.isdigit() and len(tail) < 12 else None
    return logging.Wanted(
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        follow=query.flag("follow"),
        timestamps=query.flag("timestamps"),
        since=timestamps.bound(query.text("since"), "since"),
        until=timestamps.bound(query.text("until"), "until"),
        tail=count,
        details=query.flag("details"),
    )


def wanted_streams(query: Query, *, plain: bool = False) -> attaching.Wanted:
    return attaching.Wanted(
        query.flag("stdin"),
        query.flag("stdout"),
        query.flag("stderr"),
        attaching.check_keys(query.text("detachKeys")),
        plain=plain,
    )


async def attach(engine: Engine, request: Request) -> Answer:
    container = find(engine, request)
    query = Query(request.query)
    attaching.check(container)
    wanted = wanted_streams(query)
    await request.body.whole()
    hijacked = await request.hijack(stream_type(request, tty=container.definition.config.tty))
    if query.flag("logs"):
        await _replay(engine, container, wanted, hijacked.stream)
    if query.flag("stream"):
        await attaching.attach(engine, container, wanted, hijacked.stream, hijacked.early)
    else:
        hijacked.stream.close()
    return None


async def _replay(engine: Engine, container: Container, wanted: attaching.Wanted, stream: Any) -> None:
    """What was written so far, before the live stream."""
    loop = asyncio.get_running_loop()
    past = logging.Wanted(stdout=wanted.stdout, stderr=wanted.stderr)
    async for piece in logging.logs(engine, container, past):
        await loop.sock_sendall(stream, piece)
