"""`docker stop`: the signal, the grace, SIGKILL. The monitor keeps the deadline, so that it holds even when
the daemon dies meanwhile."""

import asyncio
import signal
from contextlib import suppress

from sampan.engine import signals
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.pause import resume
from sampan.engine.containers.record import Container
from sampan.engine.containers.restarts import cancel_restart
from sampan.engine.engine import Engine
from sampan.errors import Conflict, Internal

GRACE = 10
_EXTRA = 12.0  # seconds after SIGKILL (moby: 10 + 2)


async def stop(
    engine: Engine, container: Container, timeout: int | None = None, signal_name: str = ""
) -> bool:
    """False: it did not run (304). `timeout` in seconds, -1 waits for ever."""
    config = container.definition.config
    number = signals.number(signal_name or config.stop_signal or "SIGTERM")
    grace = (
        timeout if timeout is not None else config.stop_timeout if config.stop_timeout is not None else GRACE
    )
    async with container.lock:
        if not container.running or container.link is None:
            stopped = cancel_restart(engine, container)
            if stopped:
                container.status.stopped_by_user = True
                await engine.records.save(container)
                tell(engine.bus, container, "stop")
            return stopped
        gone = asyncio.get_running_loop().create_future()
        container.exits.append(gone)
        container.status.stopped_by_user = True
        if container.definition.host_config.restart_policy.name not in ("", "no"):
            await engine.records.save(container)  # unless-stopped holds over a power cut
        tell(engine.bus, container, "kill", signal=str(number))
        over = asyncio.get_running_loop().time() + grace
        with suppress(Conflict):  # it has ended already
            await container.link.stop(number, grace)
            await resume(engine, container)
    if grace >= 0 and not await _gone_until(gone, over):
        tell(engine.bus, container, "kill", signal=str(int(signal.SIGKILL)))  # by the monitor
    await _gone(container, gone, None if grace < 0 else _EXTRA)
    tell(engine.bus, container, "stop")
    return True


async def _gone_until(gone: "asyncio.Future[int]", moment: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(moment):
            await asyncio.shield(gone)
    return gone.done()


async def _gone(container: Container, gone: "asyncio.Future[int]", limit: float | None) -> None:
    try:
        async with asyncio.timeout(limit):
            await gone
    except TimeoutError:
        raise Internal(
            f"cannot stop container: {container.name}: tried to kill container, but did not receive"
            " an exit event"
        ) from None
