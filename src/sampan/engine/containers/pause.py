"""`docker pause` and `docker unpause`. Whether a container is frozen the kernel knows (`runtime.freezer`): a
daemon that was killed in between finds it there again (`engine.adopt`)."""

import asyncio
import contextlib
import errno
import logging
import signal

from sampan import errors
from sampan.engine import signals
from sampan.engine.containers import cgroups
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.state import State
from sampan.errors import Conflict, Internal, SampanError
from sampan.runtime import freezer
from sampan.runtime.failure import OciError

_log = logging.getLogger(__name__)


async def pause(engine: Engine, container: Container) -> None:
    """Raises Conflict when it does not run, or is paused already."""
    async with container.lock:
        check(container)
        try:
            await asyncio.to_thread(freezer.freeze, cgroups.of(container))
        except (OSError, OciError) as error:
            raise _failure(container, "pause", error) from error
        if container.state is not State.RUNNING:  # it was killed at that moment
            raise _not_running(container)
        container.become(State.PAUSED)
        engine.records.save_soon(container)
        tell(engine.bus, container, "pause")


async def unpause(engine: Engine, container: Container) -> None:
    """Raises Conflict when it is not paused."""
    async with container.lock:
        if container.state is not State.PAUSED:
            raise Conflict(f"Container {container.id} is not paused")
        await _resume(engine, container)


def check(container: Container) -> None:
    if container.state is State.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    if container.state is State.PAUSED:
        raise Conflict(f"Container {container.id} is already paused")
    if not container.running:
        raise _not_running(container)


async def resume_after(engine: Engine, container: Container, number: int) -> None:
    """A signal was sent to one that is paused. It goes on, so that the signal arrives; but as in Docker a
    signal other than SIGKILL and the stop signal that was set for the container stays pending."""
    wanted = container.definition.config.stop_signal
    if not wanted or number in (signal.SIGKILL, signals.number(wanted)):
        await resume(engine, container)


async def resume(engine: Engine, container: Container) -> None:
    """If it is paused; no matter if it ends meanwhile."""
    if container.state is State.PAUSED:
        with contextlib.suppress(SampanError):
            await _resume(engine, container)


async def _resume(engine: Engine, container: Container) -> None:
    try:
        await asyncio.to_thread(freezer.thaw, cgroups.of(container))
    except (OSError, OciError) as error:
        raise _failure(container, "unpause", error) from error
    if container.state is State.PAUSED:
        container.become(State.RUNNING)
        engine.records.save_soon(container)
        tell(engine.bus, container, "unpause")


def _not_running(container: Container) -> Conflict:
    return Conflict(f"Container {container.id} is not running")


def _failure(container: Container, verb: str, error: OSError | OciError) -> SampanError:
    if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENODEV):
        return _not_running(container)
    _log.warning("cannot %s container %s: %s", verb, container.short_id, error)
    text = f"Cannot {verb} container {container.id}: {error}"
    if isinstance(error, OciError):
        kind: type[SampanError] = getattr(errors, error.kind, Internal)
        return kind(text)
    return Internal(text)
