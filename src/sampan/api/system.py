"""/_ping, /version, /info and the other pages about the engine itself."""

import msgspec

from sampan.api.messages import Request, Response
from sampan.engine import info as engine_info
from sampan.engine.engine import Engine
from sampan.engine.settings import VERSION

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
    return json(engine_info.info(engine.facts, engine.settings, {}, 0))
