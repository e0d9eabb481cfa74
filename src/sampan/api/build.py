"""POST /build, as the classic protocol has it and as our own client speaks it; what belongs to the cache.

Our client sends `application/vnd.sampan.build`: a frame of JSON (`_Own`), its length before it as 8 bytes
big-endian, and then the tar, if the daemon cannot read the directory itself (docs/adr/0010-build-context.md).
"""

import asyncio
import base64
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from sampan.api import buildstream, outgoing, progress
from sampan.api.messages import Answer, Request, Response
from sampan.api.query import Query
from sampan.api.system import json
from sampan.api.types import AuthConfig, json_body
from sampan.engine.builds import build, cache_export, caches, debug, prune
from sampan.engine.builds.events import Report
from sampan.engine.builds.request import Request as BuildRequest
from sampan.engine.builds.request import Secret
from sampan.engine.containers.config import HostConfig, Ulimit
from sampan.engine.engine import Engine
from sampan.errors import Conflict, InvalidArgument, Unsupported
from sampan.registry.auth import Credentials

OWN = "application/vnd.sampan.build"
_FRAME_LIMIT = 16 << 20
_T = TypeVar("_T")


class _Own(msgspec.Struct):
    """What the classic protocol has no words for. `secrets`: base64; `cache_to`: as the command line has
    them; `tar`: the context follows."""

    directories: dict[str, str] = {}
    contexts: dict[str, str] = {}
    dockerfile: str | None = None
    ignore: str | None = None
    secrets: dict[str, str] = {}
    ssh: dict[str, str] = {}
    allow: list[str] = []
    no_cache_for: list[str] = []
    check: bool = False
    cache_to: list[str] = []
    tar: bool = False


class _Keys(msgspec.Struct):
    keys: list[str]


async def create(engine: Engine, request: Request) -> Answer:
    query = Query(request.query)
    if query.text("version") == "2":
        await request.body.whole(_FRAME_LIMIT)
        raise Unsupported("BuildKit's own protocol is not supported: build with DOCKER_BUILDKIT=0")
    own, chunks = await _body(request)
    wanted = _request(query, request, own)
    cached = [source.directory for source in wanted.cache_from if source.directory]
    if wanted.directories or cached:
        _check_peer(request, [*wanted.directories.values(), *cached])
    loop = asyncio.get_running_loop()

    async def work(report: Report) -> build.Built:
        built = await build.build(engine, engine.builds, wanted, chunks, report)
        for name in built.tags:
            loop.call_soon(engine.bus.publish, "image", "tag", built.image, {"name": name})
        return built

    quiet = query.flag("q")
    return await buildstream.streamed(work, traced=own is not None, quiet=quiet)


async def _body(request: Request) -> tuple[_Own | None, Iterator[bytes] | None]:
    """Our client's frame, and the tar that is the body or follows the frame."""
    cancelled = threading.Event()
    if request.headers.get("content-type", "").partition(";")[0] != OWN:
        if Query(request.query).text("remote"):
            await request.body.whole(1 << 20)
            return None, None
        return None, progress.pieces(request.body, cancelled)
    data = b""
    while len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "big"):
        piece = await request.body.read()
        if not piece or (len(data) >= 8 and int.from_bytes(data[:8], "big") > _FRAME_LIMIT):
            raise InvalidArgument("invalid build request: its frame is not whole")
        data += piece
    end = 8 + int.from_bytes(data[:8], "big")
    own = _decoded(data[8:end].decode("utf-8", "replace"), _Own, "build request")
    if not own.tar:
        return own, None
    return own, _chained(data[end:], progress.pieces(request.body, cancelled))


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _check_peer(request: Request, directories: Sequence[str]) -> None:
    """Paths mean the same to the client and to us only where it shares our root. Raises Conflict: then the
    client sends a tar."""
    pid = request.connection.peer()
    try:
        same = pid is not None and all(
            os.stat(f"/proc/{pid}/{name}").st_ino == os.stat(f"/proc/self/{name}").st_ino
            and os.stat(f"/proc/{pid}/{name}").st_dev == os.stat(f"/proc/self/{name}").st_dev
            for name in ("ns/mnt", "root")
        )
    except OSError:
        same = False
    if not same:
        raise Conflict("the daemon does not see the client's files: send the build context")
    for path in directories:
        if not os.path.isabs(path) or not os.path.isdir(path):
            raise InvalidArgument(f'unable to prepare context: path "{path}" not found')


def _request(query: Query, request: Request, own: _Own | None) -> BuildRequest:
    arguments = _mapping(query, "buildargs")
    common = dict[str, Any](
        tags=tuple(tag for tag in query.many("t") if tag),
        dockerfile=query.text("dockerfile") or "Dockerfile",
        remote=query.text("remote"),
        arguments={name: value for name, value in arguments.items() if value is not None},
        labels={name: value or "" for name, value in _mapping(query, "labels").items()},
        target=query.text("target"),
        platform=query.text("platform"),
        network=_network(query.text("networkmode")),
        host=_host(query),
        no_cache=query.flag("nocache"),
        pull=query.flag("pull"),
        credentials=_credentials(request),
        cache_from=tuple(_cache_sources(query, strict=own is not None)),
    )
    if own is not None:
        common |= {
            "directories": own.directories,
            "contexts": own.contexts,
            "text": own.dockerfile,
            "ignore": own.ignore,
            "secrets": {name: Secret(_base64(text)) for name, text in own.secrets.items()},
            "ssh": own.ssh,
            "allow": frozenset(own.allow),
            "no_cache_for": tuple(own.no_cache_for),
            "check": own.check,
            "cache_to": tuple(caches.target(text) for text in own.cache_to),
        }
    return BuildRequest(**common)


def _cache_sources(query: Query, *, strict: bool) -> Iterator[caches.CacheSource]:
    """The classic builder passes over names that are none."""
    for text in _decoded(query.text("cachefrom") or "null", list[str] | None, "cachefrom") or ():
        try:
            yield caches.source(text)
        except InvalidArgument:
            if strict:
                raise


def _network(mode: str) -> str:
    if mode in ("", "default", "bridge"):
        return "default"
    if mode in ("none", "host") or mode.startswith("container:"):
        return mode
    raise InvalidArgument(f"network mode {mode!r} is not supported in a build".replace("'", '"'))


def _host(query: Query) -> HostConfig:
    """Limits of every RUN."""
    ulimits = _decoded(query.text("ulimits") or "null", list[Ulimit] | None, "ulimits")
    extra = [one for text in query.many("extrahosts") for one in text.split(",") if one]
    return HostConfig(
        memory=query.number("memory") or 0,
        memory_swap=query.number("memswap") or 0,
        cpu_shares=query.number("cpushares") or 0,
        cpu_period=query.number("cpuperiod") or 0,
        cpu_quota=query.number("cpuquota") or 0,
        cpuset_cpus=query.text("cpusetcpus"),
        cpuset_mems=query.text("cpusetmems"),
        shm_size=query.number("shmsize") or 0,
        cgroup_parent=query.text("cgroupparent"),
        ulimits=ulimits,
        extra_hosts=[one.replace("=", ":", 1) if ":" not in one.partition("=")[0] else one for one in extra]
        or None,
    )


def _mapping(query: Query, name: str) -> dict[str, str | None]:
    return _decoded(query.text(name) or "{}", dict[str, str | None] | None, name) or {}


def _decoded(text: str, kind: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"error reading {what}: {error}") from None


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidArgument("invalid secret: it is not base64") from None


def _credentials(request: Request) -> dict[str, Credentials]:
    """X-Registry-Config: base64url of JSON, by registry. One that cannot be read counts as none."""
    header = request.headers.get("x-registry-config", "")
    if not header:
        return {}
    try:
        text = base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))
        found = msgspec.json.decode(text, type=dict[str, AuthConfig])
    except (ValueError, msgspec.DecodeError):
        return {}
    return {
        host: Credentials(one.username, one.password, one.identitytoken, one.registrytoken)
        for host, one in found.items()
    }


async def pruned(engine: Engine, request: Request) -> Response:
    query = Query(request.query)
    await request.body.whole()
    wanted = prune.Wanted(
        all=query.flag("all"),
        keep=max(query.number("keep-storage") or 0, query.number("reserved-space") or 0),
        filters=query.filters(prune.FILTERS),
    )
    found = await asyncio.to_thread(prune.prune, engine, engine.builds, wanted)
    return json({"CachesDeleted": found.deleted, "SpaceReclaimed": found.size})


async def cancelled(engine: Engine, request: Request) -> Response:
    """A build ends with its connection; by its id nothing is to be found."""
    await request.body.whole()
    return Response(204)


async def debugged(engine: Engine, request: Request) -> Response:
    """An image of what a failed step left (ours; Docker has no such page)."""
    await request.body.whole()
    identity = Query(request.query).text("id")
    image = await asyncio.to_thread(debug.image, engine, engine.builds, identity)
    return json({"Id": image}, 201)


async def cache(engine: Engine, request: Request) -> Answer:
    """The cache of these steps as an OCI layout (ours; Docker has no such page)."""
    keys = (await json_body(request, _Keys)).keys
    return await outgoing.stream(cache_export.layout(engine, engine.builds, keys, threading.Event()))
