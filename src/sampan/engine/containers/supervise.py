"""After the start: one task per running container waits for its end and does what follows: ports and
address are free again, the exit is told, `--rm` removes, a restart policy starts again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sampan.engine import timestamps
from sampan.engine.containers import probes, shm
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.containers.remove import remove
from sampan.engine.containers.restarts import should_restart
from sampan.engine.engine import Engine
from sampan.engine.runner import Event
from sampan.engine.state import State
from sampan.engine.volumes import mounting
from sampan.errors import SampanError
from sampan.runtime.protocol import Detached, ExecExited, Exited

Relaunch = Callable[[Engine, Container], Awaitable[None]]
_log = logging.getLogger(__name__)
FIRST_DELAY = 0.1  # seconds before the first restart; doubled each time (moby restartmanager)
LONGEST_DELAY = 60.0
STABLE = 10_000_000_000  # nanoseconds of uptime after which the delay starts over


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
        tell(engine.bus, container, "detach")


async def _supervise(engine: Engine, container: Container, relaunch: Relaunch) -> None:
    exited = await container.link.exited()
    await finished(engine, container, exited, relaunch)


async def finished(engine: Engine, container: Container, exited: Exited, relaunch: Relaunch) -> None:
    """The container is over: everything that follows from it, in Docker's order."""
    status = container.status
    again = should_restart(container, exited.exit_code)
    container.become(State.RESTARTING if again else State.EXITED)
    status.pid = 0
    status.exit_code = exited.exit_code
    status.oom_killed = exited.oom_killed
    status.error = exited.error
    status.finished_at = timestamps.parse(exited.finished_at)
    link, container.link, container.supervisor = container.link, None, None
    if link is not None:
        link.close()
    probes.end(container)
    engine.execs.abandon(container)
    await engine.network.disconnect(container)
    await mounting.unmount_unused(engine, container)
    if container.definition.host_config.ipc_mode == "shareable":
        await asyncio.to_thread(shm.drop, engine.settings.container_run(container.id))
    if status.endpoint is not None:
        status.endpoint.address = status.endpoint.mac = status.endpoint.gateway = ""
        status.endpoint.endpoint_id, status.endpoint.prefix_length, status.endpoint.ports = "", 0, []
    container.entry = None
    engine.records.save_soon(container)
    if exited.oom_killed:
        tell(engine.bus, container, "oom")
    tell(engine.bus, container, "die", exitCode=str(exited.exit_code), execDuration=_duration(container))
    container.tell_exit(exited.exit_code)
    if again:
        schedule_restart(engine, container, relaunch)
    elif container.definition.host_config.auto_remove:
        remove_soon(engine, container)


def _duration(container: Container) -> str:
    status = container.status
    return str(max(0, (status.finished_at - status.started_at) // 1_000_000_000))


def schedule_restart(engine: Engine, container: Container, relaunch: Relaunch) -> None:
    """100 ms, doubled up to a minute; from the start again after ten seconds of uptime."""
    status = container.status
    if status.finished_at - status.started_at >= STABLE:
        container.delay = FIRST_DELAY
    else:
        container.delay = min(container.delay * 2, LONGEST_DELAY) if container.delay else FIRST_DELAY
    container.restart = engine.tasks.spawn(_restart_later(engine, container, container.delay, relaunch))


async def _restart_later(engine: Engine, container: Container, delay: float, relaunch: Relaunch) -> None:
    await asyncio.sleep(delay)
    async with container.lock:
        if container.state is not State.RESTARTING:
            return
        container.restart = None
        container.status.restart_count += 1
        try:
            await relaunch(engine, container)
        except SampanError as error:
            _log.warning("container %s could not be restarted: %s", container.short_id, error)
            container.tell_exit(container.status.exit_code)


def remove_soon(engine: Engine, container: Container) -> None:
    engine.tasks.spawn(remove(engine, container, volumes=True))
