"""The engine's view of the network floor: what may take a while runs on one thread, in order."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import NamedTuple, TypeVar

from sampan.engine import timestamps
from sampan.engine.containers.record import BoundPort, Container, Endpoint
from sampan.errors import Internal, SampanError
from sampan.network import endpoint as plans
from sampan.network import ports as published
from sampan.network.default import DefaultNetwork, open_default
from sampan.network.names import for_root
from sampan.network.ports import Bound, Held, PortBinding
from sampan.runtime.protocol import Interface, Listener

_T = TypeVar("_T")
PREDEFINED = ("bridge", "host", "none")


class Connection(NamedTuple):
    """What a launch needs of the network. `held`: sockets to be closed once they have been sent."""

    endpoint: Endpoint | None = None
    interfaces: tuple[Interface, ...] = ()
    gateway: str | None = None
    listeners: tuple[Listener, ...] = ()
    held: tuple[Held, ...] = ()

    def close(self) -> None:
        for one in self.held:
            one.socket.close()


class Network:
    """The default bridge. `opened` None: this machine cannot; containers run with host or none only."""

    def __init__(self, data_root: str) -> None:
        self._names = for_root(data_root)
        self._thread = ThreadPoolExecutor(1, "network")
        self.opened: DefaultNetwork | None = None
        self.failure = ""
        self.created = timestamps.now()

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def open(self) -> None:
        try:
            self.opened = await self._run(lambda: open_default(self._names))
        except (SampanError, OSError) as error:
            self.failure = str(error)

    def network_id(self, name: str) -> str:
        """Stable over restarts of the daemon, different between daemons."""
        return sha256(f"{self._names.bridge}/{name}".encode()).hexdigest()

    async def connect(self, container: Container, bindings: list[PortBinding], mac: str | None) -> Connection:
        """An address and the published ports, all or nothing."""
        network = self._network()
        address = network.pool.allocate(container.id)
        try:
            if bindings:
                got = await self._run(lambda: network.ports.publish(container.id, address, bindings))
            else:
                got = published.Published([], [])
        except BaseException as error:
            network.pool.release(container.id)
            if isinstance(error, SampanError):
                raise _about_endpoint(container, error) from error
            raise
        plan = plans.plan(network.bridge, address, mac)
        endpoint = Endpoint(
            "bridge",
            sha256(f"{container.id}/{plan.host_name}".encode()).hexdigest(),
            address,
            network.pool.prefix_length,
            plan.gateway,
            plan.mac,
            [BoundPort(*bound) for bound in got.bindings],
        )
        return Connection(
            endpoint, (Interface(*plan[:6]),), plan.gateway, _listeners(got.listeners), tuple(got.listeners)
        )

    async def disconnect(self, container: Container) -> None:
        """Free ports and address. Already so is a result."""
        if self.opened is None:
            return
        network = self.opened
        endpoint = container.status.endpoint
        if endpoint is None or endpoint.ports:
            await self._run(lambda: network.ports.unpublish(container.id))
        network.pool.release(container.id)

    def adopt(self, container: Container) -> None:
        """A container that runs since before this daemon has its address and its ports."""
        endpoint = container.status.endpoint
        if self.opened is None or endpoint is None or not endpoint.address:
            return
        self.opened.pool.adopt(container.id, endpoint.address)
        bounds = [Bound(p.container_port, p.protocol, p.host_ip, p.host_port) for p in endpoint.ports]
        self.opened.ports.adopt(container.id, endpoint.address, bounds)

    async def sync(self) -> None:
        """Drop every translation that no adopted container owns."""
        network = self.opened
        if network is not None and network.firewall is not None:
            firewall = network.firewall
            await self._run(lambda: firewall.sync(network.ports.expected()))

    @property
    def gateway(self) -> str:
        return self.opened.bridge.gateway if self.opened is not None else ""

    def notices(self) -> list[str]:
        return (
            list(self.opened.notices) if self.opened is not None else [f"no bridge network: {self.failure}"]
        )

    def _network(self) -> DefaultNetwork:
        if self.opened is None:
            raise Internal(f"failed to set up container networking: {self.failure}")
        return self.opened


def _listeners(held: Iterable[Held]) -> tuple[Listener, ...]:
    """File 0 of a launch is the control connection."""
    return tuple(
        Listener(index, one.target.protocol, one.target.address, one.target.port, one.relay)
        for index, one in enumerate(held, 1)
    )


def _about_endpoint(container: Container, error: SampanError) -> SampanError:
    """500, as Docker answers whatever goes wrong with a published port."""
    return Internal(
        "failed to set up container networking: driver failed programming external connectivity on endpoint"
        f" {container.name} ({sha256(container.id.encode()).hexdigest()}): {error}"
    )
