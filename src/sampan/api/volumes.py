"""/volumes."""

from sampan.api.absent import NO_SWARM
from sampan.api.messages import Request, Response
from sampan.api.query import Query
from sampan.api.system import json
from sampan.api.types import VolumeCreate, json_body
from sampan.engine.engine import Engine
from sampan.engine.volumes import create as creating
from sampan.engine.volumes import inspect as inspecting
from sampan.engine.volumes import prune as pruning
from sampan.engine.volumes import remove as removing
from sampan.errors import Unavailable


async def listing(engine: Engine, request: Request) -> Response:
    found = inspecting.listing(engine, Query(request.query).filters(inspecting.FILTERS))
    return json({"Volumes": found, "Warnings": None})


async def create(engine: Engine, request: Request) -> Response:
    body = await json_body(request, VolumeCreate)
    if body.cluster_volume_spec:
        raise Unavailable(NO_SWARM)
    volume = await creating.create(engine, body.name, body.driver, body.labels, body.driver_opts)
    return json(inspecting.inspect(engine, volume), 201)


async def inspect(engine: Engine, request: Request) -> Response:
    return json(inspecting.inspect(engine, engine.volumes.get(request.parameters["name"])))


async def prune(engine: Engine, request: Request) -> Response:
    """Before API 1.42 unused volumes with names went, too."""
    filters = Query(request.query).filters(pruning.FILTERS)
    deleted, space = await pruning.prune(engine, filters, named=request.version < (1, 42))
    return json({"VolumesDeleted": deleted, "SpaceReclaimed": space})


async def remove(engine: Engine, request: Request) -> Response:
    await removing.remove(engine, request.parameters["name"], force=Query(request.query).flag("force"))
    return Response(204)
