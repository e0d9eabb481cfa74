"""After the start: one task per running container waits for its end and does what follows: ports and
address are free again, the exit is told, `--rm` removes, a restart policy starts again."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from sampan.engine import timestamps
from sampan.engine.containers import probes, shm
from sampan.engine.containers.happenings import tell, tell_network, tell_volumes
from sampan.engine.containers.record import Container
from sampan.engine.containers.remove import remove
from sampan.engine.containers.restarts import next_delay, should_restart
from sampan.engine.engine import Engine
from sampan.engine.monitorlink import Event
from sampan.engine.networks import hanging, resolving
from sampan.engine.state import State
from sampan.engine.volumes import mounting
from sampan.errors import Conflict, SampanError
from sampan.runtime.protocol import Detached, ExecExited, Exited

Relaunch = Callable[[Engine, Container], Awaitable[None]]
_log = logging.getLogger(__name__)


def watch(engine: Engine, container: Container, relaunch: Relaunch) -> None:
    """For a container that just started or was adopted. `relaunch`: `start.launch`, which stands above."""
    container.link.on_event = lambda event: _on_event(engine, container, event)
    container.supervisor = engine.tasks.spawn(_supervise(engine, container, relaunch))


def _on_event(engine: Engine, container: Container, event: Event) -> None:
    if isinstance(event, ExecExited):
        one = engine.execs.ended(container, event)
        if one is not None:
            tell(engine.bus, container, "exec_die", exitCode=str(event.exit_code), execID=one.id)
    elif isinstance(event, Detached) and event.by_keys:
        if event.exec_id is None:
            tell(engine.bus, container, "detach")
        else:
            tell(engine.bus, container, "exec_detach", execID=event.exec_id)


async def _supervise(engine: Engine, container: Container, relaunch: Relaunch) -> None:
    exited = await container.link.exited()
    await finished(engine, container, exited, relaunch)


async def finished(engine: Engine, container: Container, exited: Exited, relaunch: Relaunch) -> None:
    """The container is over: everything that follows from it, in Docker's order.

    With the lock: whoever hears of `die` may start it at once, but not before its address is free."""
    async with container.lock:
        again = should_restart(container, exited.exit_code)
        _note(container, exited, again=again)
        if exited.oom_killed:
            tell(engine.bus, container, "oom")
        tell(engine.bus, container, "die", exitCode=str(exited.exit_code), execDuration=_duration(container))
        await _clear(engine, container)
        engine.records.save_soon(container)
        if again:
            schedule_restart(engine, container, relaunch)
    container.tell_exit(exited.exit_code)
    if not again and container.definition.host_config.auto_remove:
        remove_soon(engine, container)


def _note(container: Container, exited: Exited, *, again: bool) -> None:
    status = container.status
    container.become(State.RESTARTING if again else State.EXITED)
    if again:
        status.restart_count += 1
    status.pid = 0
    status.exit_code = exited.exit_code
    status.oom_killed = exited.oom_killed
    status.error = exited.error
    status.finished_at = timestamps.parse(exited.finished_at)
    container.entry = None


async def _clear(engine: Engine, container: Container) -> None:
    status = container.status
    link, container.link, container.supervisor = container.link, None, None
    if link is not None:
        link.close()
    probes.end(container)
    engine.execs.abandon(container)
    await let_go(engine, container)
    if container.definition.host_config.ipc_mode == "shareable":
        await asyncio.to_thread(shm.drop, engine.settings.container_run(container.id))
    status.endpoints = []
    container.entry = None


async def let_go(engine: Engine, container: Container) -> None:
    """Of what it had while it ran: names, addresses, ports, mounted volumes."""
    if container.id in engine.known.returning:
        await resolving.keep(engine, container)
    else:
        await resolving.forget(engine, container)
    await hanging.let_go(engine, container)
    await engine.network.disconnect(container)
    tell_network(engine, container, "disconnect")
    await mounting.unmount_unused(engine, container)
    tell_volumes(engine.bus, container, "unmount")


def _duration(container: Container) -> str:
    status = container.status
    return str(max(0, (status.finished_at - status.started_at) // 1_000_000_000))


def schedule_restart(engine: Engine, container: Container, relaunch: Relaunch) -> None:
    status = container.status
    container.delay = next_delay(container.delay, status.finished_at - status.started_at)
    container.restart = engine.tasks.spawn(_restart_later(engine, container, container.delay, relaunch))


async def _restart_later(engine: Engine, container: Container, delay: float, relaunch: Relaunch) -> None:
    await asyncio.sleep(delay)
    async with container.lock:
        if container.state is not State.RESTARTING:
            return
        container.restart = None
        try:
            await relaunch(engine, container)
        except SampanError as error:
            _log.warning("container %s could not be restarted: %s", container.short_id, error)
            container.tell_exit(container.status.exit_code)


def remove_soon(engine: Engine, container: Container) -> None:
    engine.tasks.spawn(_remove(engine, container))


async def _remove(engine: Engine, container: Container) -> None:
    with contextlib.suppress(Conflict):  # somebody does so already
        await remove(engine, container, volumes=True)
