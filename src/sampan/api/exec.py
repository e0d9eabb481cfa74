"""/exec and /containers/{id}/exec."""

import asyncio

from sampan.api.containers import find, size_of, stream_type
from sampan.api.messages import Answer, Request, Response
from sampan.api.system import json
from sampan.api.types import ExecStart, json_body
from sampan.engine.containers import attach as attaching
from sampan.engine.containers import execs
from sampan.engine.containers.execs import ExecConfig
from sampan.engine.engine import Engine
from sampan.errors import SampanError


async def create(engine: Engine, request: Request) -> Response:
    config = await json_body(request, ExecConfig)
    config.detach_keys = attaching.check_keys(config.detach_keys)
    return json({"Id": execs.create(engine, find(engine, request), config)}, 201)


async def start(engine: Engine, request: Request) -> Answer:
    """Detached: an answer. Attached: the connection is hijacked first, and an error is then written to it,
    as in Docker; its code is told by inspect."""
    options = await json_body(request, ExecStart)
    one = engine.execs.find(request.parameters["id"])
    execs.check_start(one)
    if options.console_size:
        one.config.console_size = options.console_size
    if options.detach:
        await execs.start(engine, one, None)
        return Response(200)
    hijacked = await request.hijack(stream_type(request, tty=one.config.tty))
    with hijacked.stream as stream:
        try:
            await execs.start(engine, one, stream, hijacked.early)
        except SampanError as error:
            await asyncio.get_running_loop().sock_sendall(stream, _as_output(str(error), tty=one.config.tty))
    return None


def _as_output(text: str, *, tty: bool) -> bytes:
    """moby writes it to stdout."""
    line = text.encode("utf-8", "backslashreplace") + b"\r\n"
    return line if tty else b"\x01\0\0\0" + len(line).to_bytes(4, "big") + line


async def inspect(engine: Engine, request: Request) -> Response:
    return json(execs.inspect(engine.execs.find(request.parameters["id"])))


async def resize(engine: Engine, request: Request) -> Response:
    height, width = size_of(request)
    await execs.resize(engine.execs.find(request.parameters["id"]), height, width)
    return Response(200)
