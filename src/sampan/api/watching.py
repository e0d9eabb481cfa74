"""/containers/{id}/top, /changes, /stats: looking at what a container does."""

import contextlib
from collections.abc import AsyncIterator

import msgspec

from sampan.api.containers import find
from sampan.api.messages import Answer, Request, Response, Stream
from sampan.api.query import Query
from sampan.api.system import json
from sampan.engine.containers import diff as diffing
from sampan.engine.containers import stats as sampling
from sampan.engine.containers import top as listing
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument


async def top(engine: Engine, request: Request) -> Response:
    return json(await listing.top(engine, find(engine, request), Query(request.query).text("ps_args")))


async def changes(engine: Engine, request: Request) -> Response:
    return json(await diffing.diff(engine, find(engine, request)) or None)


async def stats(engine: Engine, request: Request) -> Answer:
    query = Query(request.query)
    live, at_once = query.flag("stream", default=True), query.flag("one-shot")
    if live and at_once:
        raise InvalidArgument("cannot have stream=true and one-shot=true")
    container = find(engine, request)
    if live:
        return Stream(_samples(engine, container))
    return json(await sampling.once(engine.sampler, container, engine.facts, primed=not at_once))


async def _samples(engine: Engine, container: Container) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(sampling.stream(engine.sampler, container, engine.facts)) as samples:
        async for sample in samples:
            yield msgspec.json.encode(sample) + b"\n"
