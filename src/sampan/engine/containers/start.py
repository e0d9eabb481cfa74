"""`docker start`: address, ports, files and spec; then the launcher forks, and the supervisor watches.

Nothing of it waits for the disk. Whatever fails leaves the container as it was, with its error told."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from sampan.engine import disks, runtimes, timestamps
from sampan.engine.containers import (
    blockio,
    devices,
    init,
    links,
    logdrivers,
    netrecord,
    ownership,
    probes,
    propagation,
    shm,
    supervise,
    uppers,
)
from sampan.engine.containers import spec as specs
from sampan.engine.containers.happenings import tell, tell_network, tell_volumes
from sampan.engine.containers.joins import Joined, joined_by
from sampan.engine.containers.netfiles import write_network_files
from sampan.engine.containers.record import Container, Endpoint
from sampan.engine.containers.seccomp import add_filter, seccomp_file
from sampan.engine.engine import Engine
from sampan.engine.monitorlink import LaunchFailed
from sampan.engine.network import Connection
from sampan.engine.networks import hanging, resolving
from sampan.engine.networks.attach import attach_all
from sampan.engine.state import State
from sampan.engine.subids import Remap
from sampan.engine.volumes import mounting
from sampan.engine.volumes.parts import open_part
from sampan.errors import Conflict, Internal
from sampan.runtime import rundir
from sampan.runtime.protocol import Launch, Rootfs, Started


async def start(engine: Engine, container: Container) -> bool:
    """False: it runs already (304). Raises with Docker's words; the container then has the error, too."""
    async with container.lock:
        if container.state is State.PAUSED:
            raise Conflict("cannot start a paused container, try unpause instead")
        if container.running:
            return False
        if container.dying_or_gone:
            raise Conflict("container is marked for removal and cannot be started")
        if container.restart is not None:
            container.restart.cancel()
            container.restart = None
        container.status.stopped_by_user = False
        container.status.restart_count = 0
        await resolving.expect_others(engine, container)
        await launch(engine, container)
        return True


async def launch(engine: Engine, container: Container) -> None:
    """With the lock held. Also what the supervisor does when a restart is due."""
    connection = Connection()
    attaches, container.attaches = container.attaches, []
    try:
        joined = joined_by(engine, container)
        linked = links.linked(engine, container)
        connection = await attach_all(engine, container)
        tell_network(engine, container, "connect")
        await mounting.mount_for(engine, container)
        tell_volumes(engine.bus, container, "mount")
        request = await asyncio.to_thread(prepare, engine, container, connection, joined, linked)
        if await resolving.introduce(engine, container, list(connection.endpoints)):
            request = request._replace(resolver=resolving.path(engine))
        request = request._replace(attaches=[attach for attach, _ in attaches])
        link = await engine.launcher.launch(
            request,
            [held.socket.fileno() for held in connection.held],
            [stream.fileno() for _, stream in attaches],
        )
    except BaseException as error:
        await _undo(engine, container, error)
        raise _translated(error) from error
    finally:
        connection.close()
        for _, stream in attaches:
            stream.close()
    running(container, link.started, connection.endpoints)
    container.link = link
    hanging.hold(engine, container)
    supervise.watch(engine, container, launch)
    probes.begin(engine, container, launch, adopted=False)
    engine.records.save_soon(container)
    tell(engine.bus, container, "start")
    if parents := links.parents(engine, container):
        await asyncio.to_thread(links.tell_parents, engine, container, parents)


def running(container: Container, started: Started, endpoints: Sequence[Endpoint]) -> None:
    status = container.status
    container.become(State.RUNNING)
    status.pid = started.pid
    status.started_at = timestamps.parse(started.started_at)
    status.exit_code, status.error, status.oom_killed = 0, "", False
    status.endpoints = list(endpoints)
    status.reserved = []


async def _undo(engine: Engine, container: Container, error: BaseException) -> None:
    await supervise.let_go(engine, container)
    if isinstance(error, Exception):  # and not the end of the daemon
        container.status.exit_code = error.exit_code if isinstance(error, LaunchFailed) else 128
        container.status.error = str(error)
        if container.state is State.RESTARTING:
            container.become(State.EXITED)
        container.entry = None
        engine.records.save_soon(container)
        if container.definition.host_config.ipc_mode == "shareable":
            await asyncio.to_thread(shm.drop, engine.settings.container_run(container.id))
        if container.definition.host_config.auto_remove:
            supervise.remove_soon(engine, container)


def _translated(error: BaseException) -> BaseException:
    """A failed launch under the kind that it names: the API knows only the nine."""
    if isinstance(error, LaunchFailed):
        return error.kind(str(error))
    if isinstance(error, OSError):
        return Internal(f"failed to create task for container: {error}")
    return error


def prepare(
    engine: Engine, container: Container, connection: Connection, joined: Joined, linked: links.Linked
) -> Launch:
    """On a worker thread: everything that is written or looked at before the launch."""
    definition = container.definition
    data, run = engine.settings.container_data(container.id), engine.settings.container_run(container.id)
    if joined.watched:
        rundir.watch(joined.watched)
    shm.discard_run(run)  # the last monitor may still hold it: it lingers for clients that read slowly
    os.makedirs(run, mode=0o700)
    files = write_network_files(engine, container, connection, joined, linked.hosts)
    netrecord.write(run, connection.endpoints)
    _make_bind_sources(container)
    propagation.check(definition.mounts)
    if definition.host_config.ipc_mode == "shareable":
        shm.make(joined.shm, definition.host_config.shm_size)
    around = replace(_surroundings(engine, container, joined, files), linked=linked.env)
    runtime = runtimes.find(engine.settings, definition.host_config.runtime)
    spec = specs.build(definition, around)
    if runtime:
        add_filter(container, spec)
    with open(f"{run}/config.json", "wb") as file:
        file.write(msgspec.json.encode(spec))
    return Launch(
        id=container.id,
        bundle=run,
        state_dir=data,
        rootfs=_rootfs(engine, container),
        log=logdrivers.resolve(definition, data),
        stdin=_stdin(container),
        seccomp=seccomp_file(engine, container),
        interfaces=connection.interfaces,
        gateway=connection.gateway,
        gateway6=connection.gateway6,
        listeners=connection.listeners,
        fsync_exit=not definition.host_config.auto_remove,
        runtime=runtime,
    )


def _rootfs(engine: Engine, container: Container) -> Rootfs:
    definition, home = container.definition, uppers.home(engine, container)
    root = Rootfs(definition.lowerdirs, f"{home}/diff", f"{home}/work", definition.masked)
    if not uppers.limited(container):
        return root
    data = engine.settings.container_data(container.id)
    return root._replace(disk=disks.image(data), disk_place=disks.place(data))


def _make_bind_sources(container: Container) -> None:
    """`-v /missing:/x` makes a directory on the host, as Docker does; `--mount` was checked at create."""
    for mount in container.definition.mounts:
        if mount.kind == "bind" and not os.path.lexists(mount.source):
            try:
                os.makedirs(mount.source, mode=0o755)
            except OSError as error:
                raise Internal(
                    f"error while creating mount source path '{mount.source}': mkdir {error.filename}:"
                    f" {(error.strerror or '').lower()}"
                ) from error


def _surroundings(engine: Engine, container: Container, joined: Joined, files: str) -> specs.Surroundings:
    host = container.definition.host_config
    nodes, rules = devices.mapped(host.devices or [])
    rules += devices.parse_rules(host.device_cgroup_rules or [])
    if host.privileged:
        nodes = devices.all_of_host()
    remap = engine.remap if host.userns_mode != "host" else None
    return specs.Surroundings(
        hostname=joined.hostname or container.definition.config.hostname,
        network_files=files,
        joined=joined.namespaces,
        volumes={
            mount.source: engine.volumes.directory(mount.source)
            for mount in container.definition.mounts
            if mount.kind == "volume"
        },
        shm=joined.shm,
        devices=nodes,
        device_rules=rules,
        nofile=engine.nofile,
        init=init.installed(engine.settings, engine.facts) if host.init else "",
        block_io=blockio.limits(host),
        ids=remap.mappings() if remap is not None else {},
        mapped=_mapped(engine, container, remap),
    )


def _mapped(engine: Engine, container: Container, remap: Remap | None) -> dict[str, dict[str, Any]]:
    """Of the mounts whose owners were asked for, by who owns their source now."""
    found = {}
    for one in container.definition.mounts:
        if one.ownership is None:
            continue
        volume = one.kind == "volume"
        source = engine.volumes.directory(one.source) if volume else one.source
        owner = _owner(source, one.subpath)
        found[one.destination] = ownership.mappings(one.ownership, owner, remap, volume=volume)
    return found


def _owner(source: str, subpath: str) -> tuple[int, int]:
    """Whoever writes to a volume can have us look at nothing but the volume. What is missing is the runtime's
    to complain of."""
    try:
        if not subpath:
            status = os.stat(source)
        else:
            fd = open_part(source, subpath, os.O_PATH)
            status = os.fstat(fd)
            os.close(fd)
    except OSError:
        return 0, 0
    return status.st_uid, status.st_gid


def _stdin(container: Container) -> str:
    config = container.definition.config
    if not config.open_stdin:
        return "none"
    return "once" if config.stdin_once else "open"
