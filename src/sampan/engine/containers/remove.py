"""`docker rm`: a tombstone, then the trees out of sight, then the row. `force` kills what runs."""

import asyncio
import signal
from contextlib import suppress

from sampan.engine import disks
from sampan.engine.containers import links, shm
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.pause import resume
from sampan.engine.containers.record import Container
from sampan.engine.containers.restarts import cancel_restart
from sampan.engine.engine import Engine
from sampan.engine.images import mount as image_mounts
from sampan.engine.networks import resolving
from sampan.engine.state import State
from sampan.engine.volumes.remove import remove_anonymous
from sampan.errors import Conflict, Internal

_PATIENCE = 12.0  # seconds for a killed container to be gone (moby: 10 + 2)


async def remove(engine: Engine, container: Container, *, force: bool = False, volumes: bool = False) -> None:
    """Raises Conflict while it runs (without `force`) or is being removed already."""
    while True:
        if force:
            await kill_and_wait(engine, container)
        async with container.lock:
            if force and container.running:
                continue  # a start or a restart was on its way, and has come through
            _check(container)
            cancel_restart(engine, container)
            container.become(State.REMOVING)
            try:
                await engine.records.bury(container)
            except BaseException:
                container.status.state = State.DEAD
                raise
            await _take_apart(engine, container, volumes=volumes)
            return


async def kill_and_wait(engine: Engine, container: Container) -> None:
    """Nothing to do for what does not run."""
    if not container.running or container.link is None:
        return
    gone = asyncio.get_running_loop().create_future()
    container.exits.append(gone)
    container.status.stopped_by_user = True
    with suppress(Conflict):  # it has ended already; the supervisor is about to say so
        await container.link.kill(signal.SIGKILL)
        await resume(engine, container)
    try:
        async with asyncio.timeout(_PATIENCE):
            await gone
    except TimeoutError:
        raise Internal(
            "could not kill container: tried to kill container, but did not receive an exit event:"
            f" {container.id}"
        ) from None


def _check(container: Container) -> None:
    name = container.name
    if container.state is State.RUNNING:
        raise Conflict(
            f'cannot remove container "{name}": container is running: stop the container before removing or'
            " force remove"
        )
    if container.state is State.PAUSED:
        raise Conflict(f'cannot remove container "{name}": container is paused and must be unpaused first')
    if container.state is State.REMOVING:
        raise Conflict(f"removal of container {name} is already in progress")


async def _take_apart(engine: Engine, container: Container, *, volumes: bool) -> None:
    """After the tombstone: every step may be repeated, and is, if the daemon dies in between."""
    identity = container.id
    for _, stream in container.attaches:
        stream.close()
    container.attaches.clear()
    await asyncio.to_thread(_discard, engine, identity)
    links.forget_rows(engine, container)
    await resolving.forget(engine, container)
    engine.containers.discard(container)
    anonymous = [mount.source for mount in container.definition.mounts if mount.anonymous]
    if volumes and anonymous:
        await remove_anonymous(engine, anonymous)
    tell(engine.bus, container, "destroy")
    container.tell_removed()
    engine.tasks.spawn(_forget(engine, container))


def _discard(engine: Engine, identity: str) -> None:
    disks.unmount(engine.settings.container_data(identity))  # of a daemon that was killed
    engine.images.store.discard(engine.settings.container_data(identity))
    shm.discard_run(engine.settings.container_run(identity))


async def _forget(engine: Engine, container: Container) -> None:
    """The row goes last, and with it the hold on layers: those of a commit, or of an image that is gone, may
    have had no other."""
    identity, images = container.id, engine.images
    await engine.records.delete(identity, lambda sql: image_mounts.release(images, sql, identity))
    if container.definition.own or await asyncio.to_thread(_is_last, engine, container):
        await asyncio.to_thread(image_mounts.collect, images)


def _is_last(engine: Engine, container: Container) -> bool:
    return engine.images.records.get(container.definition.image_id) is None


async def finish_removal(engine: Engine, container: Container) -> None:
    """At the daemon's start, for a tombstone that was left behind."""
    await asyncio.to_thread(_discard, engine, container.id)
    await _forget(engine, container)
    anonymous = [mount.source for mount in container.definition.mounts if mount.anonymous]
    if container.definition.host_config.auto_remove and anonymous:
        await remove_anonymous(engine, anonymous)
