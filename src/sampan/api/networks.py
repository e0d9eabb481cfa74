"""/networks."""

from sampan.api.messages import Request, Response
from sampan.api.query import Query
from sampan.api.system import json
from sampan.api.types import NetworkConnect, NetworkDisconnect, json_body
from sampan.engine import prune_filters
from sampan.engine.containers.config import EndpointRequest
from sampan.engine.engine import Engine
from sampan.engine.networks import connect as connecting
from sampan.engine.networks import create as creating
from sampan.engine.networks import disconnect as disconnecting
from sampan.engine.networks import inspect as inspecting
from sampan.engine.networks import prune as pruning
from sampan.engine.networks import remove as removing
from sampan.engine.networks.request import NetworkCreate


async def listing(engine: Engine, request: Request) -> Response:
    return json(inspecting.listing(engine, Query(request.query).filters(inspecting.FILTERS)))


async def inspect(engine: Engine, request: Request) -> Response:
    return json(inspecting.inspect(engine, engine.networks.find(request.parameters["id"])))


async def create(engine: Engine, request: Request) -> Response:
    network = await creating.create(engine, await json_body(request, NetworkCreate))
    return json({"Id": network.id, "Warning": ""}, 201)


async def connect(engine: Engine, request: Request) -> Response:
    body = await json_body(request, NetworkConnect)
    container = engine.containers.find(body.container)  # it is missed first, as in Docker
    network = engine.networks.find(request.parameters["id"])
    await connecting.connect(engine, network, container, body.endpoint_config or EndpointRequest())
    return Response(200)


async def disconnect(engine: Engine, request: Request) -> Response:
    body = await json_body(request, NetworkDisconnect)
    container = engine.containers.find(body.container)
    await disconnecting.disconnect_from(engine, request.parameters["id"], container)
    return Response(200)


async def prune(engine: Engine, request: Request) -> Response:
    deleted = await pruning.prune(engine, Query(request.query).filters(prune_filters.FILTERS))
    return json({"NetworksDeleted": deleted or None})


async def remove(engine: Engine, request: Request) -> Response:
    await removing.remove(engine, engine.networks.find(request.parameters["id"]))
    return Response(204)
