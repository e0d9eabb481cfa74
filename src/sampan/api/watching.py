"""/containers/{id}/top, /stats, /changes: looking at what a container does, and has done."""

from sampan.api.containers import find
from sampan.api.messages import Request, Response
from sampan.api.query import Query
from sampan.api.system import json
from sampan.engine.containers import top as listing
from sampan.engine.engine import Engine


async def top(engine: Engine, request: Request) -> Response:
    return json(await listing.top(engine, find(engine, request), Query(request.query).text("ps_args")))
