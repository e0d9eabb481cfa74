"""What ADD fetches: URLs here, git repositories with the machine's own `git` inside a container."""

import hashlib
import os
import posixpath
import threading
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from sampan.build.graph import Git, Http, Run, Scratch
from sampan.engine.builds import run
from sampan.engine.builds.made import Made
from sampan.engine.builds.request import Request
from sampan.engine.builds.threads import in_thread
from sampan.engine.containers.record import MountPoint
from sampan.engine.engine import Engine
from sampan.engine.images import resolve
from sampan.errors import InvalidArgument, NotFound, SampanError, Unavailable
from sampan.registry.hosts import Endpoint
from sampan.registry.http import Http as Connections
from sampan.registry.retry import Patience, Transient

_GIT_OPTIONS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.file.allow=never",
                "advice.detachedHead=false", "init.defaultBranch=master", "safe.directory=*")  # fmt: skip
_FETCH = ("--no-tags", "--recurse-submodules=no", "--")
_GIT = ("git", *(word for option in _GIT_OPTIONS for word in ("-c", option)))
_GIT_ENVIRONMENT = ("GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
                    "GIT_ALLOW_PROTOCOL=http:https:git:ssh", "HOME=/tmp",
                    "GIT_SSH_COMMAND=ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new")  # fmt: skip


class Fetched(NamedTuple):
    """A directory with what was fetched, the digest of it, and the one path in it."""

    directory: str
    digest: str
    path: str


def download(engine: Engine, source: Http, directory: str, cancelled: threading.Event) -> Fetched:
    """Calm. Raises Unavailable, NotFound, InvalidArgument for a wrong checksum."""
    os.mkdir(directory, 0o700)
    name = posixpath.basename(unquote(urlsplit(source.url).path))
    if not name or name in (".", "..") or "\0" in name or "/" in name:
        raise InvalidArgument(f"cannot determine filename for source {source.url}")
    path = os.path.join(directory, name)
    connections = Connections(_endpoint(source.url), Patience())
    try:
        digest, modified = _save(connections, source.url, path, engine.images.store.free(), cancelled)
    finally:
        connections.close()
    if source.checksum and digest != source.checksum:
        raise InvalidArgument(f"digest mismatch {digest}: {source.checksum}")
    os.chmod(path, 0o600)
    os.utime(path, ns=(modified, modified))
    return Fetched(directory, digest, name)


def _endpoint(url: str) -> Endpoint:
    return Endpoint(url=url)


def _save(
    connections: Connections, url: str, path: str, limit: int, cancelled: threading.Event
) -> tuple[str, int]:
    hashed, size = hashlib.sha256(), 0
    try:
        response = connections.get(url, {})
        if response.status != 200:
            response.close()
            kind = NotFound if response.status == 404 else Unavailable
            raise kind(f"invalid response status {response.status} for {url}")
        with open(path, "xb") as file:
            for piece in response.pieces():
                size += len(piece)
                if size > limit:
                    raise Unavailable(f"{url} does not fit on the disk")
                if cancelled.is_set():
                    connections.abort()
                hashed.update(piece)
                file.write(piece)
    except Transient as error:
        raise Unavailable(f"failed to fetch {url}: {error}") from error
    return "sha256:" + hashed.hexdigest(), _modified(response.headers.get("Last-Modified", ""))


def _modified(text: str) -> int:
    """Nanoseconds; the beginning of time where the server does not say, so that the layer stays the same."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except (ValueError, TypeError, IndexError):
        return 0


async def clone(
    engine: Engine, request: Request, source: Git, directory: str, output: Callable[[bytes, bool], None]
) -> Fetched:
    """A shallow checkout in `directory`, and the commit that it is. `git` runs confined as any RUN, with the
    machine's file system below it."""
    os.mkdir(directory, 0o755)
    log: list[bytes] = []
    made = Made("", await in_thread(resolve.find, engine.images, "host"))
    reference = source.ref or "HEAD"
    listener = _Listener(log, output)
    place = _Repository(engine, request, made, directory, source)
    await _git(place, ("init", "-q"), listener)
    try:
        await _git(place, ("fetch", "-q", "--depth=1", *_FETCH, source.remote, reference), listener)
    except Unavailable:  # a server without shallow clones: all of the history then
        await _git(place, ("fetch", "-q", *_FETCH, source.remote, reference), listener)
    await _git(place, ("checkout", "-q", "--force", "FETCH_HEAD", "--"), listener)
    log.clear()
    await _git(place, ("rev-parse", "HEAD"), listener)
    commit = b"".join(log).decode("ascii", "replace").strip().splitlines()[-1]
    if source.checksum and not commit.startswith(source.checksum):
        raise InvalidArgument(f"expected checksum to match {source.checksum}, got {commit}")
    if not source.keep_git:
        engine.images.store.discard(os.path.join(directory, ".git"))
    return Fetched(directory, commit, source.directory)


class _Repository(NamedTuple):
    engine: Engine
    request: Request
    made: Made  # the machine itself
    directory: str
    source: Git


class _Listener(NamedTuple):
    log: list[bytes]
    output: Callable[[bytes, bool], None]

    def heard(self, data: bytes, error: bool) -> None:
        self.log.append(data)
        self.output(data, error)


async def _git(place: _Repository, step: Sequence[str], listener: _Listener) -> None:
    engine, request, made, directory, source = place
    proxies = [
        f"{name}={value}" for name, value in request.arguments.items() if name.lower().endswith("_proxy")
    ]
    mounts = [MountPoint("bind", directory, "/src", recursive=False)]
    environment = [*_GIT_ENVIRONMENT, *proxies]
    if agent := request.ssh.get("default"):
        mounts.append(MountPoint("bind", agent, "/run/buildkit/ssh_agent.0", recursive=False))
        environment.append("SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0")
    node = Run(Scratch(), (*_GIT, "-C", "/src", *step), tuple(environment), network=request.network)
    try:
        heard = run.Heard(listener.heard, lambda _: None)
        ran = await run.run(engine, request, node, made, place=run.Place(mounts), heard=heard)
    except SampanError as error:
        raise Unavailable(f"cannot run git on this machine: {error}") from error
    run.discard(engine, ran.container)
    if ran.exit_code:
        said = b"".join(listener.log).decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"exit status {ran.exit_code}"
        raise Unavailable(f"failed to fetch remote {source.remote}: git {step[0]}: {why}")
