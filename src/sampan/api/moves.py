"""Images on their way to somewhere else: /images/get, push, /distribution, /auth."""

import asyncio
import threading
from contextlib import suppress

import msgspec

from sampan.api import outgoing, progress
from sampan.api.images import credentials
from sampan.api.messages import Answer, Request, Response
from sampan.api.progress import Line
from sampan.api.query import Query
from sampan.api.system import json
from sampan.api.types import AuthConfig, json_body
from sampan.engine.engine import Engine
from sampan.engine.images import distribution as distributions
from sampan.engine.images import push as pushing
from sampan.engine.images import resolve, save
from sampan.engine.images.progress import Report
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import reference as references
from sampan.registry import login
from sampan.registry.auth import Credentials


async def save_one(engine: Engine, request: Request) -> Answer:
    return await _save(engine, request, [request.parameters["name"]])


async def save_many(engine: Engine, request: Request) -> Answer:
    return await _save(engine, request, Query(request.query).many("names"))


async def _save(engine: Engine, request: Request, names: list[str]) -> Answer:
    platforms = Query(request.query).many("platform")
    if len(platforms) > 1:
        raise InvalidArgument("an image is for one platform: name one")
    called = Query(request.query).many("as")  # ours
    chunks = save.save(engine.images, names, _plain(platforms), threading.Event(), called=called)
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


async def push(engine: Engine, request: Request) -> Answer:
    tag = Query(request.query).text("tag")
    name = request.parameters["name"]
    reference = references.parse(f"{name}:{tag}" if tag else name)
    await request.body.whole()
    loop = asyncio.get_running_loop()
    given = credentials(request)

    def work(report: Report, cancelled: threading.Event) -> list[Line]:
        pushed = pushing.push(engine.images, reference, given, report, cancelled=cancelled)
        told = reference.familiar
        loop.call_soon_threadsafe(engine.bus.publish, "image", "push", told, {"name": told})
        return [
            {"progressDetail": {}, "aux": {"Tag": one.tag, "Digest": one.digest, "Size": one.size}}
            for one in pushed
        ]

    return await progress.streamed(work)


async def distribution(engine: Engine, request: Request) -> Response:
    """`raw=1`, which only our own client sends: the document itself, too."""
    reference = references.parse(request.parameters["name"])
    found = await asyncio.to_thread(
        distributions.distribution, engine.images, reference, credentials(request), threading.Event()
    )
    answer = {"Descriptor": found.descriptor(), "Platforms": found.platforms}
    if Query(request.query).flag("raw"):
        answer["Raw"] = found.document.data.decode("utf-8", "replace")
    return json(answer)


async def auth(engine: Engine, request: Request) -> Response:
    asked = await json_body(request, AuthConfig)
    domain = asked.serveraddress.removeprefix("https://").removeprefix("http://").partition("/")[0]
    if domain in ("", "index.docker.io", "registry-1.docker.io"):
        domain = "docker.io"
    given = Credentials(asked.username, asked.password, asked.identitytoken, asked.registrytoken)
    await asyncio.to_thread(login.login, engine.images.hosts, domain, given, threading.Event())
    return json({"IdentityToken": "", "Status": "Login Succeeded"})
