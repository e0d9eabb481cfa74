"""Health checks, the part that runs them: one task per container that has one, asleep between two probes.

A probe is an exec. Its deadline is kept by the monitor, so that it holds even when the daemon dies meanwhile;
its output comes over a socket pair of which the monitor has the other end.
"""

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable

from sampan.engine import timestamps
from sampan.engine.containers import execs, health
from sampan.engine.containers.execs import Exec, ExecConfig
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.health import Health, Result
from sampan.engine.containers.record import Container
from sampan.engine.containers.stop import stop
from sampan.engine.engine import Engine
from sampan.engine.state import State
from sampan.errors import SampanError
from sampan.runtime.protocol import Attach, ExecExited
from sampan.runtime.protocol import Exec as ExecRequest

Relaunch = Callable[[Engine, Container], Awaitable[None]]
_log = logging.getLogger(__name__)
_CHUNK = 16 * 1024
_NANO = 1e9
_GRACE = 5.0  # seconds after a probe's deadline for its end to be told


def begin(engine: Engine, container: Container, relaunch: Relaunch, *, adopted: bool) -> None:
    """For a container that runs from now on, or is known from now on; its status is kept when `adopted`."""
    _cancel(container)
    status = container.status
    if health.command(container.definition.config) is None:
        status.health = None
        return
    if not adopted or status.health is None:
        status.health = Health(log=status.health.log if status.health else [])
    container.entry = None
    container.prober = engine.tasks.spawn(_probe_again(engine, container, status.health, relaunch))


def end(container: Container) -> None:
    """It runs no more. moby calls what is not looked at unhealthy."""
    _cancel(container)
    if container.status.health is not None:
        container.status.health.status = health.UNHEALTHY


def _cancel(container: Container) -> None:
    if container.prober is not None:
        container.prober.cancel()
        container.prober = None


async def _probe_again(engine: Engine, container: Container, found: Health, relaunch: Relaunch) -> None:
    config, started_at = container.definition.config.healthcheck, container.status.started_at
    assert config is not None
    while True:
        wait = health.until_next(config, found, timestamps.now() - started_at)
        await asyncio.sleep(wait / _NANO)
        if container.state is not State.RUNNING:  # paused
            continue
        result = await _probe(engine, container)
        if health.judge(config, found, result, started_at):
            container.entry = None
            engine.records.save_soon(container)
            tell(engine.bus, container, f"health_status: {found.status}")
            if found.status == health.UNHEALTHY:
                engine.tasks.spawn(_act(engine, container, relaunch))


async def _probe(engine: Engine, container: Container) -> Result:
    start = timestamps.now()
    try:
        code, output = await _run(engine, container)
    except SampanError as error:
        code, output = health.NO_EXIT_CODE, str(error)
    return Result(start, timestamps.now(), code, output)


async def _run(engine: Engine, container: Container) -> tuple[int, str]:
    """(exit code, output). Raises LaunchFailed, Conflict."""
    config = container.definition.config
    assert config.healthcheck is not None
    one = Exec(
        container,
        ExecConfig(cmd=health.command(config), attach_stdout=True, attach_stderr=True),
    )
    engine.execs.add(one)
    execs.tell_step(engine, one, "exec_create")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        with theirs:
            await _start(engine, one, theirs)
        limit = health.timeout(config.healthcheck) / _NANO + _GRACE
        ended, output = await _outcome(one, ours, limit)
    finally:
        ours.close()
        engine.execs.discard(one)
    if ended is None or ended.timed_out:
        return health.NO_EXIT_CODE, health.too_long(config.healthcheck, output)
    return ended.exit_code, output


async def _start(engine: Engine, one: Exec, stream: socket.socket) -> None:
    container = one.container
    health_config = container.definition.config.healthcheck
    assert health_config is not None
    attach = Attach(secrets.token_hex(8), False, True, True, "raw", "", one.id)
    request = execs.request(engine, one, attach)._replace(timeout=health.timeout(health_config) / _NANO)
    async with engine.gate:
        await _started(engine, one, request, stream)


async def _started(engine: Engine, one: Exec, request: ExecRequest, stream: socket.socket) -> None:
    execs.check_running(one.container)
    one.ended = asyncio.get_running_loop().create_future()
    await execs.launch(engine, one, request, stream)


async def _outcome(one: Exec, stream: socket.socket, limit: float) -> tuple[ExecExited | None, str]:
    """How it ended, and what it said. None: its end was not told in time."""
    assert one.ended is not None
    output = bytearray()
    reading = asyncio.get_running_loop().create_task(_read(stream, output))
    ended: ExecExited | None = None
    try:
        async with asyncio.timeout(limit):
            ended = await asyncio.shield(one.ended)
            await reading
    except TimeoutError:
        if ended is None and one.container.link is not None:
            with contextlib.suppress(SampanError):
                await one.container.link.kill(signal.SIGKILL, one.id)
    finally:
        reading.cancel()
    return ended, _text(output)


async def _read(stream: socket.socket, output: bytearray) -> None:
    """All of it is taken, so that the probe does not block; one byte too many tells that there was more."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while chunk := await loop.sock_recv(stream, _CHUNK):
            output += chunk[: health.OUTPUT_LIMIT + 1 - len(output)]


def _text(output: bytearray) -> str:
    if len(output) > health.OUTPUT_LIMIT:
        output = output[: health.OUTPUT_LIMIT - 3] + b"..."
    return output.decode("utf-8", "replace")


async def _act(engine: Engine, container: Container, relaunch: Relaunch) -> None:
    """`kill` leaves what follows to the restart policy; `stop` and `restart` are as the verbs."""
    action = health.action(container.definition.config)
    if action == "none" or container.link is None:
        return
    _log.warning("container %s is unhealthy: %s", container.short_id, action)
    with contextlib.suppress(SampanError):
        if action == "kill":
            tell(engine.bus, container, "kill", signal=str(int(signal.SIGKILL)))
            await container.link.kill(signal.SIGKILL)
        elif action == "stop":
            await stop(engine, container)
        else:
            await _restart(engine, container, relaunch)


async def _restart(engine: Engine, container: Container, relaunch: Relaunch) -> None:
    host = container.definition.host_config
    auto_remove, host.auto_remove = host.auto_remove, False  # the end in between is not the last one
    try:
        await stop(engine, container)
        async with container.lock:
            if container.state is not State.EXITED:
                return
            container.status.stopped_by_user = False
            await relaunch(engine, container)
    finally:
        host.auto_remove = auto_remove
    tell(engine.bus, container, "restart")
