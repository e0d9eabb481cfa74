"""/containers/{id}/archive and /containers/{id}/export."""

import asyncio
import base64
import threading

import msgspec

from sampan.api import outgoing, progress
from sampan.api.containers import find
from sampan.api.messages import Answer, Body, Request, Response
from sampan.api.query import Query
from sampan.engine.containers import archive as archiving
from sampan.engine.containers.archive import Asked
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.identity import owner
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument, SampanError
from sampan.storage.place import Rules

_SWALLOWED = 1 << 20  # bytes
_HEADER = "X-Docker-Container-Path-Stat"


def _asked(engine: Engine, request: Request) -> Asked:
    path = Query(request.query).text("path")
    if not path:
        raise InvalidArgument("bad parameter: path cannot be empty")
    return Asked(find(engine, request), request.parameters["id"], path)


def _header(status: object) -> tuple[tuple[str, str], ...]:
    return ((_HEADER, base64.b64encode(msgspec.json.encode(status)).decode()),)


async def head(engine: Engine, request: Request) -> Response:
    status = await asyncio.to_thread(archiving.status, engine, _asked(engine, request))
    return Response(200, headers=_header(status))


async def get(engine: Engine, request: Request) -> Answer:
    asked = _asked(engine, request)
    found = await asyncio.to_thread(archiving.get, engine, asked)
    answer = await outgoing.stream(found.chunks, headers=_header(found.status))
    tell(engine.bus, asked.container, "archive-path")
    return answer


async def put(engine: Engine, request: Request) -> Response:
    try:
        return await _put(engine, request)
    except SampanError:
        await _swallow(request.body)
        raise


async def _swallow(body: Body) -> None:
    """A client that has not sent all of it would see a broken pipe, and not why."""
    left = _SWALLOWED
    while left > 0 and (piece := await body.read()):
        left -= len(piece)


async def _put(engine: Engine, request: Request) -> Response:
    asked = _asked(engine, request)
    container = asked.container
    query = Query(request.query)
    rules = Rules(keep_kind=query.flag("noOverwriteDirNonDir"))
    if query.flag("copyUIDGID"):
        rules = rules._replace(owner=await asyncio.to_thread(owner, engine, container))
    chunks = progress.pieces(request.body, threading.Event())
    if container.running:
        await asyncio.to_thread(archiving.put, engine, asked, chunks, rules)
    else:
        async with container.lock:  # nobody starts it meanwhile
            await asyncio.to_thread(archiving.put, engine, asked, chunks, rules)
    tell(engine.bus, container, "extract-to-dir")
    return Response(200)


async def export(engine: Engine, request: Request) -> Answer:
    container = find(engine, request)
    answer = await outgoing.stream(archiving.export(engine, container), "application/octet-stream")
    tell(engine.bus, container, "export")
    return answer
