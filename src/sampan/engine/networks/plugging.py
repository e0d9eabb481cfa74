"""Changes inside the network namespace of a running container: a child of the launcher makes them."""

import os
from collections.abc import Sequence

from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.networks.attach import Ways
from sampan.errors import Conflict, Internal
from sampan.linux import task
from sampan.runtime.protocol import Interface, Plug


async def plug(
    engine: Engine,
    container: Container,
    ways: Ways,
    interfaces: Sequence[Interface] = (),
    *,
    resolver: str = "",
    removed: Sequence[str] = (),
) -> None:
    """Add interfaces, and take some away; `ways` are the default ones from now on. With the container's lock
    held. Raises Conflict when it has ended, Internal when the kernel refuses."""
    pidfd, namespace = open_running(container)
    try:
        request = Plug(
            container.id,
            interfaces,
            ways.gateway,
            ways.gateway6,
            resolver,
            removed,
        )
        reply = await engine.launcher.plug(request, [namespace, pidfd])
    finally:
        os.close(pidfd)
        os.close(namespace)
    if reply.errno:
        raise Internal(f"failed to change the network of the container: {reply.message.lower()}")


def open_running(container: Container) -> tuple[int, int]:
    """(pidfd, network namespace) of the process that was started, and of no later one with its number. Raises
    Conflict when it has ended."""
    pid, started = container.status.pid, container.link.started if container.link else None
    try:
        pidfd = os.pidfd_open(pid)
        try:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            if started is None or task.start_time(pid) != started.start_time:
                os.close(namespace)
                raise ProcessLookupError
        except OSError:
            os.close(pidfd)
            raise
    except OSError:
        raise Conflict(f"container {container.id} is not running") from None
    return pidfd, namespace
