"""`docker kill`: any signal; SIGKILL waits for the end."""

import signal

from sampan.engine import signals
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.pause import resume_after
from sampan.engine.containers.record import Container
from sampan.engine.containers.remove import kill_and_wait
from sampan.engine.containers.restarts import cancel_restart
from sampan.engine.engine import Engine
from sampan.errors import Conflict


async def kill(engine: Engine, container: Container, signal_name: str = "") -> None:
    """Raises Conflict when it does not run, InvalidArgument for a signal that is none."""
    number = signals.number(signal_name or "SIGKILL")
    if not container.running or container.link is None:
        if number == signal.SIGKILL and cancel_restart(engine, container):
            container.status.stopped_by_user = True
            return
        raise _not_running(container)
    stop_signal = signals.number(container.definition.config.stop_signal or "SIGTERM")
    if number in (signal.SIGKILL, stop_signal):
        container.status.stopped_by_user = True
    tell(engine.bus, container, "kill", signal=str(number))
    if number == signal.SIGKILL:
        await kill_and_wait(engine, container)
        return
    try:
        await container.link.kill(number)
    except Conflict:
        raise _not_running(container) from None
    await resume_after(engine, container, number)


def _not_running(container: Container) -> Conflict:
    return Conflict(f"cannot kill container: {container.name}: container {container.id} is not running")
