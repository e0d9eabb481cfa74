"""RUN: a container of ours, whose upper directory becomes the layer. It is set up as `docker run` would do
it, with the same confinement, and is not listed.

Its directories lie among those of containers: a daemon that starts finds no record of it, ends what still
runs, and takes the directories away (`engine.adopt`).
"""

import asyncio
import contextlib
import os
import secrets as tokens
import signal
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from sampan.build.graph import Run
from sampan.build.views import LayersView
from sampan.build.views import place as real_path
from sampan.engine import names, runtimes, timestamps
from sampan.engine.builds import made as mades
from sampan.engine.builds.made import Made
from sampan.engine.builds.request import Request
from sampan.engine.builds.threads import ended, in_thread, whole
from sampan.engine.containers import create, defaults, start
from sampan.engine.containers.config import Config, LogConfig, NetworkingConfig
from sampan.engine.containers.joins import Joined
from sampan.engine.containers.links import Linked
from sampan.engine.containers.record import Container, Definition, MountPoint
from sampan.engine.engine import Engine
from sampan.engine.monitorlink import LaunchFailed, MonitorLink
from sampan.engine.network import Connection
from sampan.engine.networks.attach import attach_all
from sampan.engine.subids import Remap
from sampan.errors import Conflict, Internal, InvalidArgument
from sampan.oci import image
from sampan.runtime.protocol import Attach, Exited, Launch
from sampan.storage.remove import remove_tree
from sampan.wire.stdcopy import STDERR, Demultiplexer

Output = Callable[[bytes, bool], None]  # (data, whether it came from stderr)
_PIECE = 1 << 16


class Place(NamedTuple):
    """What is mounted where, resolved: what `MountPoint` and the environment need."""

    mounts: Sequence[MountPoint] = ()
    environment: Sequence[str] = ()


class Heard(NamedTuple):
    """Who listens. `running`: called with the id of the container before it runs."""

    output: Output
    running: Callable[[str], None]


class Ran(NamedTuple):
    """`diff`: what the process has changed; the caller takes it from there and calls `discard`."""

    container: str
    diff: str
    exit_code: int
    out_of_memory: bool


async def run(engine: Engine, request: Request, node: Run, made: Made, *, place: Place, heard: Heard) -> Ran:
    """Raises Internal, InvalidArgument, … where the process never ran. Cancelled: it is killed."""
    container = await in_thread(_container, engine, request, node, made, place)
    create.make_directories(engine, container.id)
    heard.running(container.id)
    try:
        link = await _launch(engine, container, heard.output)
        exited = await link
        await in_thread(_tidy, engine, container)
    except BaseException:
        discard(engine, container.id)
        raise
    diff = f"{engine.settings.container_data(container.id)}/diff"
    return Ran(container.id, diff, exited.exit_code, exited.oom_killed)


def discard(engine: Engine, identity: str) -> None:
    """What is left of a container that has ended."""
    engine.images.store.discard(engine.settings.container_data(identity))


# Before


def remap_of(engine: Engine, node: Run, made: Made) -> Remap | None:
    """Of the ids that the step runs with."""
    return None if _on_own_ids(node, made) else engine.remap


def _on_own_ids(node: Run, made: Made) -> bool:
    """What does not go with remapped ones."""
    on_host = made.base is not None and (made.base.is_host or made.base.row.on_host)
    return node.security == "insecure" or on_host


def _container(engine: Engine, request: Request, node: Run, made: Made, around: Place) -> Container:
    identity = names.new_id()
    host = msgspec.convert(msgspec.to_builtins(request.host), type(request.host))
    host.network_mode = {"default": "bridge"}.get(node.network, node.network)
    host.log_config = LogConfig("none", {})
    host.auto_remove = True
    host.runtime = runtimes.OWN
    host.privileged = node.security == "insecure"
    if _on_own_ids(node, made):
        host.userns_mode = "host"
    config = Config(
        hostname=engine.facts.hostname if node.network == "host" else "buildkitsandbox",
        env=[*node.environment, *node.secret_environment, *around.environment],
        user=node.user,
        working_dir=node.directory,
        entrypoint=list(node.arguments),
    )
    defaults.merge_image(config, image.Config())
    defaults.fill(host, engine.facts)
    path, arguments = defaults.command(config)
    return Container(
        Definition(
            id=identity,
            name=f"build-{identity[:12]}",
            created=timestamps.now(),
            cgroup_parent=engine.settings.cgroup_parent,
            image_id=made.base.id if made.base else "",
            path=path,
            args=arguments,
            config=config,
            host_config=host,
            networking=NetworkingConfig(),
            mounts=list(around.mounts),
            lowerdirs=mades.lowerdirs(engine, made),
            masked=mades.masked(engine, made),
        )
    )


# The process


async def _launch(engine: Engine, container: Container, output: Output) -> "asyncio.Future[Exited]":
    """Started; the future is its end, with everything that it wrote told before."""
    connection = Connection()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        connection = await attach_all(engine, container)
        request = await in_thread(start.prepare, engine, container, connection, Joined({}), Linked([], []))
        attach = Attach(tokens.token_hex(8), stdin=False, stdout=True, stderr=True, framing="multiplexed")
        await in_thread(_note_stubs, engine, container, request)
        request = request._replace(attaches=[attach])
        link = await _started(engine, request, theirs.fileno())
    except BaseException as error:
        ours.close()
        await whole(_free(engine, container, connection))
        raise _told(error) from error
    finally:
        theirs.close()
    return asyncio.ensure_future(_watch(engine, container, connection, link, stream=ours, output=output))


async def _started(engine: Engine, request: Launch, stream: int) -> MonitorLink:
    """Cancelled: what was about to start is seen to its end."""
    launching = asyncio.ensure_future(engine.launcher.launch(request, (), [stream]))
    try:
        return await asyncio.shield(launching)
    except asyncio.CancelledError:
        await ended(launching)
        if not launching.cancelled() and launching.exception() is None:
            await whole(_kill(launching.result()))
            launching.result().close()
        raise


def _told(error: BaseException) -> BaseException:
    if isinstance(error, LaunchFailed):
        return error.kind(f"{error}")
    if isinstance(error, OSError):
        return Internal(f"failed to create task for container: {error}")
    return error


async def _watch(
    engine: Engine,
    container: Container,
    connection: Connection,
    link: MonitorLink,
    *,
    stream: socket.socket,
    output: Output,
) -> Exited:
    try:
        await _pass_on(stream, output)
        return await link.exited()
    except asyncio.CancelledError:
        await whole(_kill(link))
        raise
    finally:
        stream.close()
        link.close()
        engine.tasks.spawn(_free(engine, container, connection))  # nobody needs to wait for it


async def _kill(link: MonitorLink) -> None:
    with contextlib.suppress(Conflict):
        await link.kill(signal.SIGKILL)
    await link.exited()


async def _pass_on(stream: socket.socket, output: Output) -> None:
    loop, frames = asyncio.get_running_loop(), Demultiplexer()
    with contextlib.suppress(ConnectionError):
        while data := await loop.sock_recv(stream, _PIECE):
            for kind, piece in frames.feed(data):
                output(piece, kind == STDERR)


async def _free(engine: Engine, container: Container, connection: Connection) -> None:
    container.status.endpoints = list(connection.endpoints)
    await engine.network.disconnect(container)
    connection.close()
    await in_thread(remove_tree, engine.settings.container_run(container.id))


# After: mount points that the runtime made are not the image's


def _stub_file(engine: Engine, container: Container) -> str:
    return f"{engine.settings.container_data(container.id)}/stubs"


def _note_stubs(engine: Engine, container: Container, request: Launch) -> None:
    """Write down which mount points will have to be made: what the image does not have."""
    with open(f"{request.bundle}/config.json", "rb") as file:
        spec = msgspec.json.decode(file.read())
    definition = container.definition
    missing: list[str] = []
    with contextlib.closing(LayersView(definition.lowerdirs, definition.masked)) as view:
        for mount in spec["mounts"]:
            missing += _missing(view, mount["destination"])
        missing += _missing(view, definition.config.working_dir)
    with open(_stub_file(engine, container), "wb") as file:
        file.write(msgspec.json.encode(list(dict.fromkeys(missing))))


def _missing(view: LayersView, path: str) -> Iterator[str]:
    with contextlib.suppress(InvalidArgument):
        real = real_path(view, path)
        parts = real.split("/") if real else []
        for count in range(len(parts), 0, -1):
            here = "/".join(parts[:count])
            if view.lstat(here) is not None:
                return
            yield here


def _tidy(engine: Engine, container: Container) -> None:
    """Take away mount points that are still as the runtime made them: empty. No path is followed through a
    link: what the process put there meanwhile is its own (CVE-2024-23652)."""
    path = _stub_file(engine, container)
    with open(path, "rb") as file:
        stubs = msgspec.json.decode(file.read(), type=list[str])
    os.unlink(path)
    definition = container.definition
    root = os.open(f"{engine.settings.container_data(container.id)}/diff", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.closing(LayersView(definition.lowerdirs, definition.masked)) as view:
            for stub in sorted(stubs, key=lambda one: -one.count("/")):
                if stub != definition.config.working_dir.strip("/"):
                    _remove_empty(root, stub)
            for parent in {stub.rpartition("/")[0] for stub in stubs} - {""}:
                _remove_untouched(root, parent, view)
    finally:
        os.close(root)


def _remove_empty(root: int, path: str) -> None:
    with _parent(root, path) as (fd, name), contextlib.suppress(OSError):
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.rmdir(name, dir_fd=fd)  # ENOTEMPTY: it is used
        elif stat.S_ISREG(status.st_mode) and not status.st_size:
            os.unlink(name, dir_fd=fd)


def _remove_untouched(root: int, path: str, view: LayersView) -> None:
    """A directory that was copied up only because something was made in it."""
    while path:
        below = view.lstat(path)
        with _parent(root, path) as (fd, name), contextlib.suppress(OSError):
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            same = below is not None and (status.st_mode, status.st_uid, status.st_gid) == (
                below.st_mode, below.st_uid, below.st_gid,
            )  # fmt: skip
            if same and not _is_opaque(fd, name):
                os.rmdir(name, dir_fd=fd)
        path = path.rpartition("/")[0]


def _is_opaque(fd: int, name: str) -> bool:
    directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
    try:
        return os.getxattr(directory, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False
    finally:
        os.close(directory)


@contextlib.contextmanager
def _parent(root: int, path: str) -> Iterator[tuple[int, str]]:
    """The directory that `path` is in, its links not followed; (-1, …) where there is none."""
    fd = os.dup(root)
    parts = path.split("/")
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd, parts[-1]
    except OSError:
        yield -1, parts[-1]
    finally:
        os.close(fd)
