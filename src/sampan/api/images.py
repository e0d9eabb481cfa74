"""/images: query and body in, verb called on a worker thread, JSON out."""

import asyncio
import base64
import threading
from collections.abc import Iterator

import msgspec

from sampan.api import progress
from sampan.api.messages import Answer, Request, Response
from sampan.api.progress import Line
from sampan.api.query import Query
from sampan.api.system import json
from sampan.api.types import AuthConfig, PlatformRequest, decode
from sampan.engine import timestamps
from sampan.engine.engine import Engine
from sampan.engine.images import history as histories
from sampan.engine.images import importer, listing, load, pull, resolve, tag
from sampan.engine.images import inspect as inspecting
from sampan.engine.images import prune as pruning
from sampan.engine.images import remove as removing
from sampan.engine.images import search as searching
from sampan.engine.images.progress import Progress, Report
from sampan.engine.images.remove import Removed, User
from sampan.errors import InvalidArgument
from sampan.oci import platform as platforms
from sampan.oci import reference as references
from sampan.oci.platform import Platform
from sampan.registry.auth import ANONYMOUS, Credentials
from sampan.registry.fetch import fetch


async def listed(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    filters = query.filters()
    if name := query.text("filter"):  # before API 1.41
        filters.setdefault("reference", []).append(name)

    def work() -> list[listing.Summary]:
        return listing.listing(
            engine.images,
            filters,
            version=request.version,
            moment=_moment,
            shared_size=query.flag("shared-size"),
        )

    return json(await asyncio.to_thread(work))


def _moment(text: str) -> float:
    try:
        return (timestamps.bound(text, "until") or 0) / 1e9
    except InvalidArgument as error:
        raise ValueError(text) from error


async def inspect(engine: Engine, request: Request) -> Response:
    name = request.parameters["name"]
    return json(await asyncio.to_thread(inspecting.inspect, engine.images, name, request.version))


async def history(engine: Engine, request: Request) -> Response:
    text = Query(request.query).text("platform")
    platform = decode(text.encode(), PlatformRequest) if text else None
    wanted = Platform(platform.os, platform.architecture, platform.variant) if platform else None
    name = request.parameters["name"]
    return json(await asyncio.to_thread(histories.history, engine.images, name, wanted))


async def tagged(engine: Engine, request: Request) -> Response:
    query, name = Query(request.query), request.parameters["name"]
    await request.body.whole()
    told = await asyncio.to_thread(tag.tag, engine.images, name, query.text("repo"), query.text("tag"))
    image = await asyncio.to_thread(resolve.find, engine.images, told)
    engine.bus.publish("image", "tag", image.id, {"name": told})
    return Response(201)


async def remove(engine: Engine, request: Request) -> Response:
    query, name = Query(request.query), request.parameters["name"]
    force = query.flag("force")

    def work() -> tuple[str, list[Removed]]:
        image = resolve.find(engine.images, name)
        return image.id, removing.remove(engine.images, name, lambda one: _users(engine, one), force=force)

    image_id, removed = await asyncio.to_thread(work)
    _tell_removed(engine, image_id, removed)
    return json(_shown(removed))


async def prune(engine: Engine, request: Request) -> Response:
    filters = Query(request.query).filters(pruning.FILTERS)

    def work() -> pruning.Outcome:
        return pruning.prune(engine.images, filters, lambda one: _users(engine, one), timestamps.now())

    outcome = await asyncio.to_thread(work)
    lines = []
    for image_id, removed in outcome.removed:
        _tell_removed(engine, image_id, removed)
        lines += _shown(removed)
    engine.bus.publish("image", "prune", "", {"reclaimed": str(outcome.space)})
    return json({"ImagesDeleted": lines or None, "SpaceReclaimed": outcome.space})


def _tell_removed(engine: Engine, image_id: str, removed: list[Removed]) -> None:
    for one in removed:
        if one.untagged:
            engine.bus.publish("image", "untag", image_id, {"name": one.untagged})
        elif one.deleted == image_id:
            engine.bus.publish("image", "delete", image_id, {"name": image_id})


def _shown(removed: list[Removed]) -> list[dict[str, str]]:
    return [{"Untagged": one.untagged} if one.untagged else {"Deleted": one.deleted} for one in removed]


def _users(engine: Engine, image_id: str) -> list[User]:
    ids = engine.images.records.ids_of(image_id)
    users = [one for one in engine.containers if one.definition.image_id in ids]
    return [User(one.id, one.running) for one in users]


async def create(engine: Engine, request: Request) -> Answer:
    """Pull (`fromImage`) or import (`fromSrc`)."""
    query = Query(request.query)
    platform = _platform(engine, query.text("platform"))
    if query.text("fromImage"):
        await request.body.whole()
        return await _pull(engine, query, platform, credentials(request))
    if query.text("fromSrc"):
        return await _import(engine, request, query, platform)
    raise InvalidArgument("either fromImage or fromSrc is needed")


def _platform(engine: Engine, text: str) -> Platform | None:
    return platforms.parse(text, engine.images.machine) if text else None


def credentials(request: Request) -> Credentials:
    """X-Registry-Auth: base64url of JSON. One that cannot be read counts as none, as in Docker."""
    header = request.headers.get("x-registry-auth", "")
    if not header:
        return ANONYMOUS
    try:
        padded = header + "=" * (-len(header) % 4)
        found = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=AuthConfig)
    except (ValueError, msgspec.DecodeError):
        return ANONYMOUS
    return Credentials(found.username, found.password, found.identitytoken, found.registrytoken)


def _reference(query: Query) -> references.Reference:
    name, wanted = query.text("fromImage"), query.text("tag")
    if wanted:
        name += ("@" if wanted.startswith("sha256:") else ":") + wanted
    return references.parse(name)


async def _pull(engine: Engine, query: Query, platform: Platform | None, credentials: Credentials) -> Answer:
    reference = _reference(query)
    loop = asyncio.get_running_loop()

    def work(report: Report, cancelled: threading.Event) -> list[Line]:
        bring = pull.pull if reference.tag or reference.digest else pull.pull_all
        bring(engine.images, reference, platform, credentials, report, cancelled=cancelled)
        told = reference.familiar
        loop.call_soon_threadsafe(engine.bus.publish, "image", "pull", told, {"name": told})
        return []

    return await progress.streamed(work)


async def _import(engine: Engine, request: Request, query: Query, platform: Platform | None) -> Answer:
    source = query.text("fromSrc")
    name = query.text("repo") + (f":{query.text('tag')}" if query.text("tag") else "")
    loop = asyncio.get_running_loop()
    sent = progress.pieces(request.body, threading.Event())
    address = source if "://" in source else f"http://{source}"

    def work(report: Report, cancelled: threading.Event) -> list[Line]:
        chunks = sent
        if source != "-":
            report(Progress("", f"Downloading from {address}"))
            chunks = fetch(address, cancelled)
        made = importer.import_(
            engine.images,
            chunks,
            name=name,
            changes=query.many("changes"),
            message=query.text("message"),
            platform=platform,
            source=source,
            cancelled=cancelled,
        )
        attributes = {"name": made.tag or made.id}
        loop.call_soon_threadsafe(engine.bus.publish, "image", "import", made.id, attributes)
        return [{"status": made.id}]

    return await progress.streamed(work)


async def search(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    limit = query.number("limit")
    wanted = searching.check(query.text("term"), limit, query.filters(searching.FILTERS))
    found = await asyncio.to_thread(searching.search, engine.images.hosts, wanted, credentials(request))
    return json([msgspec.to_builtins(one) for one in found])


async def loaded(engine: Engine, request: Request) -> Answer:
    quiet = Query(request.query).flag("quiet")
    loop = asyncio.get_running_loop()
    chunks: Iterator[bytes] = progress.pieces(request.body, threading.Event())

    def work(report: Report, cancelled: threading.Event) -> list[Line]:
        images = load.load(engine.images, chunks, _nothing if quiet else report, cancelled)
        for image in images:
            for name in image.tags or [image.id]:
                loop.call_soon_threadsafe(engine.bus.publish, "image", "load", image.id, {"name": name})
        return [{"stream": f"{text}\n"} for text in load.messages(images)]

    return await progress.streamed(work)


def _nothing(_progress: object) -> None:
    """`load -q`."""
