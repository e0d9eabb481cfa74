"""What Docker has and this engine does not: swarm and plugins answer as Docker does where they are off."""

from sampan.api.messages import Request, Response
from sampan.api.system import json
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument, NotFound, Unavailable, Unsupported

NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to'
    " swarm and try again."
)


async def no_swarm(engine: Engine, request: Request) -> Response:
    await request.body.whole()
    raise Unavailable(NO_SWARM)


async def no_swarm_ever(engine: Engine, request: Request) -> Response:
    """Here Docker would make a swarm, or join one."""
    await request.body.whole()
    raise Unavailable("swarm mode is not supported: sampan runs the containers of one machine")


async def no_swarm_left(engine: Engine, request: Request) -> Response:
    raise Unavailable("This node is not part of a swarm")


async def no_plugins(engine: Engine, request: Request) -> Response:
    return json([])


async def no_plugin(engine: Engine, request: Request) -> Response:
    await request.body.whole()
    raise NotFound(f'plugin "{request.parameters["name"]}" not found')


async def no_plugin_ever(engine: Engine, request: Request) -> Response:
    await request.body.whole()
    raise InvalidArgument("managed plugins are not supported")


async def not_yet(engine: Engine, request: Request) -> Response:
    raise Unsupported(f"{request.method} {request.path} is not supported yet")
