"""/networks: the predefined ones; networks of users' own come later."""

from sampan.api.messages import Request, Response
from sampan.api.query import Query
from sampan.api.system import json
from sampan.engine import network_inspect, network_prune, prune_filters
from sampan.engine.engine import Engine
from sampan.errors import Forbidden, Unsupported


async def listing(engine: Engine, request: Request) -> Response:
    return json(network_inspect.listing(engine, Query(request.query).filters(network_inspect.FILTERS)))


async def inspect(engine: Engine, request: Request) -> Response:
    name = network_inspect.find(engine, request.parameters["id"])
    return json(network_inspect.inspect(engine, name))


async def create(engine: Engine, request: Request) -> Response:
    raise Unsupported("user-defined networks are not supported yet")


async def prune(engine: Engine, request: Request) -> Response:
    deleted = network_prune.prune(engine, Query(request.query).filters(prune_filters.FILTERS))
    return json({"NetworksDeleted": deleted or None})


async def remove(engine: Engine, request: Request) -> Response:
    name = network_inspect.find(engine, request.parameters["id"])
    raise Forbidden(f"{name} is a pre-defined network and cannot be removed")
