"""Images on their way to somewhere else: /images/get, push, /distribution, /auth."""

import asyncio
import threading
from contextlib import suppress

import msgspec

from sampan.api import outgoing
from sampan.api.messages import Answer, Request
from sampan.api.query import Query
from sampan.engine.engine import Engine
from sampan.engine.images import resolve, save
from sampan.errors import InvalidArgument, NotFound


async def save_one(engine: Engine, request: Request) -> Answer:
    return await _save(engine, request, [request.parameters["name"]])


async def save_many(engine: Engine, request: Request) -> Answer:
    return await _save(engine, request, Query(request.query).many("names"))


async def _save(engine: Engine, request: Request, names: list[str]) -> Answer:
    platforms = Query(request.query).many("platform")
    if len(platforms) > 1:
        raise InvalidArgument("an image is for one platform: name one")
    chunks = save.save(engine.images, names, _plain(platforms), threading.Event())
    answer = await outgoing.stream(chunks)
    for name in names:
        with suppress(NotFound):  # a repository without a tag of that name
            image = await asyncio.to_thread(resolve.find, engine.images, name)
            engine.bus.publish("image", "save", image.id, {"name": name})
    return answer


def _plain(given: list[str]) -> str:
    """`linux/arm64`, or the JSON that newer clients send."""
    if not given or not given[0].startswith("{"):
        return given[0] if given else ""
    try:
        found = msgspec.json.decode(given[0], type=dict[str, str])
    except msgspec.DecodeError:
        raise InvalidArgument("failed to parse platform") from None
    return "/".join(found[key] for key in ("os", "architecture", "variant") if found.get(key))
