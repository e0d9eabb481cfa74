"""macvlan and ipvlan interfaces of a container that has ended: taken out by us.

They would go with its network namespace, which the kernel takes away when it has time. Until then their
addresses are taken on the interface that they hang on (EADDRINUSE: macvlan_addr_busy,
ipvlan_addr4_validator_event), and the container could not start again with the ones that it had. So the
daemon keeps the namespaces of such containers open.
"""

import contextlib
import os
from collections.abc import Sequence

from sampan.engine.containers.record import Container, Endpoint
from sampan.engine.engine import Engine
from sampan.engine.networks.plugging import open_running
from sampan.errors import SampanError
from sampan.runtime.protocol import Plug


def hold(engine: Engine, container: Container) -> None:
    """It runs, and is perhaps on such a network. Already so is a result."""
    if container.id in engine.network.namespaces or not _names(container.status.endpoints):
        return
    with contextlib.suppress(SampanError):  # it has just ended
        pidfd, namespace = open_running(container)
        os.close(pidfd)
        engine.network.namespaces[container.id] = namespace


async def let_go(engine: Engine, container: Container) -> None:
    """It has ended. Already so is a result."""
    namespace = engine.network.namespaces.pop(container.id, -1)
    if namespace < 0:
        return
    try:
        request = Plug(container.id, (), None, None, removed=_names(container.status.endpoints))
        with contextlib.suppress(SampanError):  # then they go later
            await engine.launcher.plug(request, [namespace, namespace])
    finally:
        os.close(namespace)


def _names(endpoints: Sequence[Endpoint]) -> list[str]:
    return [one.interface for one in endpoints if one.kind != "veth"]
