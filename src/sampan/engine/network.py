"""The engine's view of the network floor: what may take a while runs on one thread, in order."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, TypeVar

from sampan.engine import timestamps
from sampan.engine.containers.record import BoundPort, Container, Endpoint
from sampan.engine.networks.request import bridge_options
from sampan.engine.networks.store import PREDEFINED, Network, Networks, Subnet
from sampan.errors import Conflict, Internal, InvalidArgument, NotFound, SampanError, Unavailable
from sampan.network import addresses, bridge, default
from sampan.network import endpoint as plans
from sampan.network import ports as published
from sampan.network.addresses import Pool
from sampan.network.bridge import BridgeState
from sampan.network.default import DefaultNetwork, open_default
from sampan.network.names import for_root
from sampan.network.ports import Bound, Held, PortBinding
from sampan.runtime.protocol import Interface, Listener

_T = TypeVar("_T")
_DRIVERS = {"bridge": "bridge", "host": "host", "none": "null"}


class Connection(NamedTuple):
    """What a launch needs of the network. `held`: sockets to be closed once they have been sent."""

    endpoints: tuple[Endpoint, ...] = ()  # the one with the default gateway first
    interfaces: tuple[Interface, ...] = ()
    gateway: str | None = None
    gateway6: str | None = None
    listeners: tuple[Listener, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def endpoint(self) -> Endpoint | None:
        return self.endpoints[0] if self.endpoints else None

    def close(self) -> None:
        for one in self.held:
            one.socket.close()


class Place(NamedTuple):
    """What somebody asks for on one network: its name inside, addresses, hardware address."""

    interface: str
    address: str = ""
    address6: str = ""
    mac: str = ""


class _Known(NamedTuple):
    """A network of ours while the daemon runs."""

    state: BridgeState
    pool: Pool
    pool6: Pool | None


class NetworkFloor:
    """`opened` None: this machine cannot; containers run with host or none only."""

    def __init__(self, data_root: str) -> None:
        self._names = for_root(data_root)
        self._thread = ThreadPoolExecutor(1, "network")
        self.opened: DefaultNetwork | None = None
        self.failure = ""
        self.created = timestamps.now()
        self._known: dict[str, _Known] = {}

    async def run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # -- networks ----------------------------------------------------------------------------------

    async def open(self, networks: Networks) -> None:
        """The default bridge, and those of `networks`, which then knows the predefined ones, too."""
        users = {one.id: _state(one) for one in networks if one.driver == "bridge"}
        try:
            self.opened = await self.run(lambda: open_default(self._names, others=list(users.values())))
            for network in networks:
                await self.add(network)
        except (SampanError, OSError) as error:
            self.failure = str(error)
        for network in self._predefined():
            networks.predefine(network)
        if self.opened is not None:
            known = _Known(self.opened.bridge, self.opened.pool, None)
            self._known[self.network_id("bridge")] = known

    def network_id(self, name: str) -> str:
        """Of a predefined one. Stable over restarts of the daemon, different between daemons."""
        return sha256(f"{self._names.bridge}/{name}".encode()).hexdigest()

    async def choose(self, network: Network, others: Sequence[Network]) -> None:
        """Give it the subnets and gateways that nobody asked for. Raises Unavailable."""
        self._network()
        kept = [one.subnet for other in others for one in other.subnets]
        if network.subnet(4) is None:
            taken = await self.run(lambda: bridge.observe(self._names).taken)
            taken += [one for one in kept if ":" not in one]
            network.subnets.insert(
                0, Subnet(addresses.free_subnet(addresses.default_pools(), taken), chosen=True)
            )
        if network.ipv6 and network.subnet(6) is None:
            pools = addresses.private_pools(_machine_id() + self._names.bridge.encode())
            network.subnets.append(
                Subnet(addresses.free_subnet6(pools, [one for one in kept if ":" in one]), chosen=True)
            )
        for one in network.subnets:
            one.gateway = one.gateway or addresses.gateway_of(one.span or one.subnet)

    async def add(self, network: Network) -> None:
        """Make its bridge be there, with the rules. Raises Internal."""
        opened, state = self._network(), _state(network)
        others = self.users()
        try:
            await self.run(lambda: default.restore(opened, self._names, state, others))
        except OSError as error:
            await self.run(lambda: default.remove(opened, state, others))
            raise Internal(f"failed to create the bridge {state.name}: {error.strerror}") from error
        pools = [_pool(network, version) for version in (4, 6)]
        assert pools[0] is not None
        self._known[network.id] = _Known(state, pools[0], pools[1])

    async def drop(self, network: Network) -> None:
        """Already gone is a result."""
        known = self._known.pop(network.id, None)
        if known is not None:
            others = self.users()
            await self.run(lambda: default.remove(self._network(), known.state, others))

    def busy(self, network: Network) -> bool:
        """Somebody has an address there, or is about to."""
        known = self._known.get(network.id)
        return known is not None and bool(known.pool.owners())

    def users(self) -> list[BridgeState]:
        """The bridges of users."""
        own = self.opened.bridge if self.opened is not None else None
        return [known.state for known in self._known.values() if known.state is not own]

    # -- containers --------------------------------------------------------------------------------

    def join(self, container: Container, network: Network, place: Place) -> tuple[Endpoint, Interface]:
        """Addresses on a network. Raises Conflict, Unavailable, NotFound."""
        self._network()
        known = self._known.get(network.id)
        if known is None:
            raise NotFound(f"network {network.name} not found")
        address = known.pool.allocate(container.id, place.address or None)
        try:
            address6 = known.pool6.allocate(container.id, place.address6 or None) if known.pool6 else ""
        except SampanError:
            known.pool.release(container.id)
            raise
        plan = plans.plan(known.state, address, place.mac or None, place.interface, address6)
        endpoint = Endpoint(
            network.name,
            sha256(f"{container.id}/{plan.host_name}".encode()).hexdigest(),
            address,
            known.pool.prefix_length,
            plan.gateway,
            plan.mac,
            network_id=network.id,
            address6=address6,
            prefix_length6=known.pool6.prefix_length if known.pool6 else 0,
            gateway6=plan.gateway6,
            host_name=plan.host_name,
            interface=plan.name,
        )
        return endpoint, Interface(*plan[:6], isolated=not known.state.icc)

    def reserve(self, container: Container, network: Network, address: str, address6: str) -> tuple[str, str]:
        """The addresses that it will have there, "" for none: as asked for, where nobody has that one."""
        known = self._known.get(network.id)
        if known is None:
            return "", ""
        return _reserved(known.pool, container.id, address), _reserved(known.pool6, container.id, address6)

    def held(self, container: Container, network: Network) -> tuple[str, str]:
        """The addresses that it has there, or has reserved; "" for none."""
        known = self._known.get(network.id)
        if known is None:
            return "", ""
        return known.pool.held(container.id), known.pool6.held(container.id) if known.pool6 else ""

    def give_back(self, container: Container, network_id: str) -> None:
        """Addresses that were reserved, and are not used."""
        known = self._known.get(network_id)
        for pool in (known.pool, known.pool6) if known is not None else ():
            if pool is not None:
                pool.give_back(container.id)

    async def publish(
        self, container: Container, endpoint: Endpoint, bindings: list[PortBinding]
    ) -> published.Published:
        """The published ports, all or nothing; they are noted in `endpoint`."""
        network = self._network()
        try:
            got = await self.run(lambda: network.ports.publish(container.id, endpoint.address, bindings))
        except SampanError as error:
            raise _about_endpoint(container, error) from error
        endpoint.ports = [BoundPort(*bound) for bound in got.bindings]
        return got

    async def unpublish(self, container: Container) -> None:
        ports = self._network().ports
        await self.run(lambda: ports.unpublish(container.id))

    async def extend(
        self, container: Container, endpoint: Endpoint, bindings: list[PortBinding], gone: list[BoundPort]
    ) -> published.Published:
        """Claim and bind more ports, all or nothing; `turn` translates them."""
        ports = self._network().ports
        instead = [bound(one) for one in gone]
        try:
            return await self.run(lambda: ports.extend(endpoint.address, bindings, instead))
        except SampanError as error:
            raise _about_endpoint(container, error) from error

    async def turn(
        self, container: Container, endpoint: Endpoint, gone: list[BoundPort], added: list[BoundPort]
    ) -> None:
        """Translate `added` in place of `gone`. Raises Internal, with nothing changed."""
        ports, pairs = self._network().ports, [[bound(one) for one in several] for several in (gone, added)]
        try:
            await self.run(lambda: ports.turn(container.id, endpoint.address, *pairs))
        except SampanError as error:
            raise _about_endpoint(container, error) from error

    async def free(self, container: Container, gone: list[BoundPort]) -> None:
        ports = self._network().ports
        await self.run(lambda: ports.free(container.id, [bound(one) for one in gone]))

    async def unplug(self, host_name: str) -> None:
        """Both ends of a pair go. Already gone is a result."""
        await self.run(lambda: bridge.remove(host_name))

    def leave(self, container: Container, network_id: str) -> None:
        """Free its addresses. Already so is a result."""
        known = self._known.get(network_id)
        if known is not None:
            known.pool.release(container.id)
            if known.pool6 is not None:
                known.pool6.release(container.id)

    async def disconnect(self, container: Container) -> None:
        """Free ports and addresses on all networks. Already so is a result."""
        if self.opened is None:
            return
        network, endpoints = self.opened, container.status.endpoints
        if not endpoints or any(one.ports for one in endpoints):
            await self.run(lambda: network.ports.unpublish(container.id))
        for identity in self._known:
            self.leave(container, identity)

    def adopt(self, container: Container) -> None:
        """A container that runs since before this daemon has its addresses and its ports."""
        if self.opened is None:
            return
        for endpoint in container.status.endpoints:
            known = self._known.get(endpoint.network_id)
            if known is None or not endpoint.address:
                continue
            known.pool.adopt(container.id, endpoint.address)
            if known.pool6 is not None and endpoint.address6:
                known.pool6.adopt(container.id, endpoint.address6)
            bounds = [bound(one) for one in endpoint.ports]
            if bounds:
                self.opened.ports.adopt(container.id, endpoint.address, bounds)

    async def sync(self) -> None:
        """Drop every translation that no adopted container owns."""
        network = self.opened
        if network is not None and network.firewall is not None:
            firewall = network.firewall
            await self.run(lambda: firewall.sync(network.ports.expected()))

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

    def _predefined(self) -> list[Network]:
        made = []
        for name in PREDEFINED:
            network = Network(self.network_id(name), name, self.created, _DRIVERS[name])
            if name == "bridge" and self.opened is not None:
                state = self.opened.bridge
                network.interface = state.name
                network.subnets = [Subnet(state.subnet, state.gateway, chosen=True)]
                network.options = _default_options(state)
            made.append(network)
        return made


def bound(port: BoundPort) -> Bound:
    return Bound(port.container_port, port.protocol, port.host_ip, port.host_port)


def _default_options(state: BridgeState) -> dict[str, str]:
    return {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "true",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
        "com.docker.network.bridge.name": state.name,
        "com.docker.network.driver.mtu": str(state.mtu),
    }


def _state(network: Network) -> BridgeState:
    options = bridge_options(network.options)
    four, six = network.subnet(4), network.subnet(6)
    assert four is not None
    return BridgeState(
        network.interface,
        four.subnet,
        four.gateway,
        options.mtu,
        six.subnet if six else "",
        six.gateway if six else "",
        network.internal,
        options.icc,
        options.masquerade,
    )


def _pool(network: Network, version: int) -> Pool | None:
    found = network.subnet(version)
    if found is None:
        return None
    return Pool(found.subnet, found.gateway, found.span, list((found.auxiliary or {}).values()))


def _reserved(pool: Pool | None, owner: str, address: str) -> str:
    if pool is None:
        return ""
    with suppress(Conflict, InvalidArgument):
        return pool.reserve(owner, address or None)
    with suppress(Unavailable):
        return pool.reserve(owner)
    return ""


def _machine_id() -> bytes:
    try:
        return Path("/etc/machine-id").read_bytes()
    except OSError:
        return os.uname().nodename.encode()


def listeners(held: Iterable[Held]) -> tuple[Listener, ...]:
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
