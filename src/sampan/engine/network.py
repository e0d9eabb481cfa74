"""The engine's view of the network floor: what may take a while runs on one thread, in order."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, TypeVar

from sampan.engine import timestamps
from sampan.engine.containers.record import BoundPort, Container, Endpoint
from sampan.engine.networks.options import HANGING, bridge_options, hanging_options
from sampan.engine.networks.store import PREDEFINED, Network, Networks, Subnet
from sampan.errors import Conflict, Internal, InvalidArgument, NotFound, SampanError, Unavailable
from sampan.network import addresses, bridge, default, parents
from sampan.network import endpoint as plans
from sampan.network import ports as published
from sampan.network.addresses import Pool
from sampan.network.bridge import ISOLATED, ROUTED, BridgeState
from sampan.network.default import DefaultNetwork, open_default
from sampan.network.names import for_root
from sampan.network.parents import LONELY, ParentState
from sampan.network.ports import Bound, Destination, Held, PortBinding
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
    """What somebody asks for on one network: its name inside, addresses, hardware address; `more` addresses,
    with prefix length; sysctls of its interface."""

    interface: str
    address: str = ""
    address6: str = ""
    mac: str = ""
    more: Sequence[str] = ()
    sysctls: Sequence[list[str]] = ()


class _Known(NamedTuple):
    """A network of ours while the daemon runs."""

    state: BridgeState | ParentState
    pools: list[Pool]

    def allocate(self, owner: str, version: int, wanted: str) -> Pool | None:
        """The pool that `owner` has an address of now; None: the network has none of this family. Raises
        Conflict, Unavailable, InvalidArgument."""
        found = [one for one in self.pools if one.version == version]
        if wanted:
            found = [one for one in found if wanted in one] or found[:1]
        for pool in found[:-1]:
            with contextlib.suppress(Unavailable):
                pool.allocate(owner, wanted or None)
                return pool
        if found:
            found[-1].allocate(owner, wanted or None)
        return found[-1] if found else None

    def reserve(self, owner: str, version: int, address: str) -> str:
        """As asked for, where nobody has that one; "" where there is none."""
        found = [one for one in self.pools if one.version == version]
        for pool in found:
            if address and address in pool:
                with contextlib.suppress(Conflict, InvalidArgument):
                    return pool.reserve(owner, address)
        for pool in found:
            with contextlib.suppress(Unavailable):
                return pool.reserve(owner)
        return ""

    def held(self, owner: str, version: int) -> str:
        found = [one.held(owner) for one in self.pools if one.version == version]
        return next((one for one in found if one), "")

    def release(self, owner: str) -> None:
        for pool in self.pools:
            pool.release(owner)


class NetworkFloor:
    """`opened` None: this machine cannot; containers run with host or none only."""

    def __init__(self, data_root: str) -> None:
        self._names = for_root(data_root)
        self._thread = ThreadPoolExecutor(1, "network")
        self.opened: DefaultNetwork | None = None
        self.failure = ""
        self.created = timestamps.now()
        self._known: dict[str, _Known] = {}
        self.namespaces: dict[str, int] = {}  # by container: `networks.hanging`

    async def run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # -- networks ----------------------------------------------------------------------------------

    async def open(self, networks: Networks) -> None:
        """The default bridge, and those of `networks`, which then knows the predefined ones, too."""
        bridges = [_bridge(one) for one in networks if one.driver == "bridge"]
        hung_on = [_parent(one).name for one in networks if one.driver in HANGING]
        try:
            self.opened = await self.run(lambda: open_default(self._names, others=bridges, parents=hung_on))
        except (SampanError, OSError) as error:
            self.failure = str(error)
        for network in networks:
            if network.driver in ("bridge", *HANGING) and self.opened is not None:
                await self._reopen(network, self.opened)
        for network in self._predefined():
            networks.predefine(network)
        if self.opened is not None:
            known = _Known(self.opened.bridge, [self.opened.pool])
            self._known[self.network_id("bridge")] = known

    def network_id(self, name: str) -> str:
        """Of a predefined one. Stable over restarts of the daemon, different between daemons."""
        return sha256(f"{self._names.bridge}/{name}".encode()).hexdigest()

    async def choose(self, network: Network, others: Sequence[Network]) -> None:
        """Give it the subnets and gateways that nobody asked for. Raises Unavailable."""
        self._network()
        kept = [one.subnet for other in others for one in other.subnets]
        if network.ipv4 and network.subnet(4) is None:
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
            one.gateway = one.gateway or _gateway(network, one)

    async def add(self, network: Network) -> None:
        """Make its bridge be there, with the rules, or what its containers hang on. Raises Internal,
        InvalidArgument, Unsupported."""
        opened, state = self._network(), _state(network)
        try:
            if isinstance(state, ParentState):
                await self.run(lambda: parents.ensure(state, self._names.bridge))
            else:
                await self._add_bridge(opened, state)
        except OSError as error:
            raise Internal(f"failed to create the interface {state.name}: {error.strerror}") from error
        self._known[network.id] = _Known(state, [_pool(one) for one in network.subnets])

    async def _add_bridge(self, opened: DefaultNetwork, state: BridgeState) -> None:
        others = self.users()
        try:
            await self.run(lambda: default.restore(opened, self._names, state, others))
        except OSError:
            await self.run(lambda: default.remove(opened, state, others))
            raise

    async def _reopen(self, network: Network, opened: DefaultNetwork) -> None:
        """At the daemon's start: containers may be running there. An interface may be gone from the machine,
        or something else has its name: that is told, now and to whoever starts a container there."""
        state = _state(network)
        self._known[network.id] = _Known(state, [_pool(one) for one in network.subnets])
        try:
            if isinstance(state, BridgeState):
                await self.run(lambda: default.reopen(opened, self._names, state))
            else:
                await self.run(lambda: parents.ensure(state, self._names.bridge))
        except (SampanError, OSError) as error:
            opened.notices.append(f"network {network.name}: {error}")

    async def drop(self, network: Network) -> None:
        """Already gone is a result."""
        known = self._known.pop(network.id, None)
        if known is None:
            return
        state = known.state
        if isinstance(state, BridgeState):
            others = self.users()
            await self.run(lambda: default.remove(self._network(), state, others))
        elif state.name not in [other.state.name for other in self._known.values()]:
            await self.run(lambda: parents.remove(state.name, self._names.bridge))

    def busy(self, network: Network) -> bool:
        """Somebody has an address there, or is about to."""
        known = self._known.get(network.id)
        return known is not None and any(pool.owners() for pool in known.pools)

    def users(self) -> list[BridgeState]:
        """The bridges of users."""
        own = self.opened.bridge if self.opened is not None else None
        states = [known.state for known in self._known.values() if isinstance(known.state, BridgeState)]
        return [state for state in states if state is not own]

    def hanging(self, interface: str) -> list[tuple[str, ParentState]]:
        """(ID, state) of the networks whose containers hang on an interface."""
        found = [(identity, known.state) for identity, known in self._known.items()]
        return [
            (identity, state)
            for identity, state in found
            if isinstance(state, ParentState) and state.name == interface
        ]

    # -- containers --------------------------------------------------------------------------------

    def join(self, container: Container, network: Network, place: Place) -> tuple[Endpoint, Interface]:
        """Addresses on a network. Raises Conflict, Unavailable, NotFound."""
        self._network()
        known = self._known.get(network.id)
        if known is None:
            raise NotFound(f"network {network.name} not found")
        pool = known.allocate(container.id, 4, place.address)
        try:
            pool6 = known.allocate(container.id, 6, place.address6)
        except SampanError:
            known.release(container.id)
            raise
        plan = _plan(known.state, container.id, place, [one for one in (pool, pool6) if one is not None])
        endpoint = Endpoint(
            network.name,
            sha256(f"{container.id}/{network.id}/{plan.host_name}".encode()).hexdigest(),
            pool.held(container.id) if pool else "",
            pool.prefix_length if pool else 0,
            plan.gateway,
            plan.mac,
            network_id=network.id,
            address6=pool6.held(container.id) if pool6 else "",
            prefix_length6=pool6.prefix_length if pool6 else 0,
            gateway6=plan.gateway6,
            host_name=plan.host_name,
            interface=plan.name,
            kind=plan.kind,
        )
        return endpoint, Interface(*plan[:10], sysctls=place.sysctls)

    def reserve(self, container: Container, network: Network, address: str, address6: str) -> tuple[str, str]:
        """The addresses that it will have there, "" for none: as asked for, where nobody has that one."""
        known = self._known.get(network.id)
        if known is None:
            return "", ""
        return known.reserve(container.id, 4, address), known.reserve(container.id, 6, address6)

    def held(self, container: Container, network: Network) -> tuple[str, str]:
        """The addresses that it has there, or has reserved; "" for none."""
        known = self._known.get(network.id)
        if known is None:
            return "", ""
        return known.held(container.id, 4), known.held(container.id, 6)

    def give_back(self, container: Container, network_id: str) -> None:
        """Addresses that were reserved, and are not used."""
        known = self._known.get(network_id)
        for pool in known.pools if known is not None else ():
            pool.give_back(container.id)

    async def publish(
        self, container: Container, endpoint: Endpoint, bindings: list[PortBinding], *, relayed: bool = False
    ) -> published.Published:
        """The published ports, all or nothing; they are noted in `endpoint`."""
        network = self._network()
        endpoint.relayed = relayed
        to = self.destination(endpoint)
        try:
            got = await self.run(lambda: network.ports.publish(container.id, to, bindings))
        except SampanError as error:
            raise _about_endpoint(container, error) from error
        endpoint.ports = [BoundPort(*bound) for bound in got.bindings]
        return got

    def destination(self, endpoint: Endpoint) -> Destination:
        known = self._known.get(endpoint.network_id)
        routed = routed6 = direct = False
        if known is not None and isinstance(known.state, BridgeState):
            routed, routed6 = known.state.mode == ROUTED, known.state.mode6 == ROUTED
            direct = bool(known.state.trusted)
        return Destination(endpoint.address, endpoint.address6, routed, routed6, endpoint.relayed, direct)

    async def unpublish(self, container: Container) -> None:
        ports = self._network().ports
        await self.run(lambda: ports.unpublish(container.id))

    async def extend(
        self, container: Container, endpoint: Endpoint, bindings: list[PortBinding], gone: list[BoundPort]
    ) -> published.Published:
        """Claim and bind more ports, all or nothing; `turn` translates them."""
        ports = self._network().ports
        instead, to = [bound(one) for one in gone], self.destination(endpoint)
        try:
            return await self.run(lambda: ports.extend(to, bindings, instead))
        except SampanError as error:
            raise _about_endpoint(container, error) from error

    async def turn(
        self, container: Container, endpoint: Endpoint, gone: list[BoundPort], added: list[BoundPort]
    ) -> None:
        """Translate `added` in place of `gone`. Raises Internal, with nothing changed."""
        ports, pairs = self._network().ports, [[bound(one) for one in several] for several in (gone, added)]
        to = self.destination(endpoint)
        try:
            await self.run(lambda: ports.turn(container.id, to, *pairs))
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
            known.release(container.id)

    def keep(self, container: Container) -> None:
        """Its addresses are only reserved from now on."""
        for known in self._known.values():
            for pool in known.pools:
                pool.keep(container.id)

    async def disconnect(self, container: Container) -> None:
        """Free ports, and addresses on all networks but those that are reserved. Already so is a result."""
        if self.opened is None:
            return
        network, endpoints = self.opened, container.status.endpoints
        if not endpoints or any(one.ports for one in endpoints):
            await self.run(lambda: network.ports.unpublish(container.id))
        kept = {one.network_id for one in container.status.reserved}
        for identity in self._known.keys() - kept:
            self.leave(container, identity)

    def adopt(self, container: Container) -> None:
        """A container that runs since before this daemon has its addresses and its ports."""
        if self.opened is None:
            return
        for endpoint in container.status.endpoints:
            known = self._known.get(endpoint.network_id)
            if known is None:
                continue
            for address in (endpoint.address, endpoint.address6):
                for pool in [one for one in known.pools if address and address in one]:
                    pool.adopt(container.id, address)
            bounds = [bound(one) for one in endpoint.ports]
            if bounds:
                self.opened.ports.adopt(container.id, self.destination(endpoint), bounds)

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


def _state(network: Network) -> BridgeState | ParentState:
    return _parent(network) if network.driver in HANGING else _bridge(network)


def _bridge(network: Network) -> BridgeState:
    options = bridge_options(network.options)
    four, six = network.subnet(4), network.subnet(6)
    return BridgeState(
        network.interface,
        four.subnet if four else "",
        four.gateway if four else "",
        options.mtu,
        six.subnet if six else "",
        six.gateway if six else "",
        network.internal,
        options.icc,
        options.masquerade,
        options.mode,
        options.mode6,
        options.trusted,
    )


def _parent(network: Network) -> ParentState:
    options = hanging_options(network.driver, network.options, internal=network.internal)
    lonely = network.interface.startswith(LONELY)
    return ParentState(
        network.interface, network.driver, options.mode, options.flag, options.mtu, network.internal or lonely
    )


def _gateway(network: Network, one: Subnet) -> str:
    """The bridge's own address, if it has one. On other people's networks nothing is taken for granted."""
    if network.driver in HANGING:
        return ""
    options = bridge_options(network.options)
    if (options.mode6 if ":" in one.subnet else options.mode) == ISOLATED:
        return ""
    return addresses.gateway_of(one.span or one.subnet)


def _plan(
    state: BridgeState | ParentState, owner: str, place: Place, pools: Sequence[Pool]
) -> plans.Endpoint:
    found = {pool.version: pool.held(owner) for pool in pools}
    if isinstance(state, BridgeState):
        return plans.plan(
            state, found.get(4, ""), place.mac or None, place.interface, found.get(6, ""), more=place.more
        )
    gateways = {pool.version: pool.gateway for pool in pools}
    told = [f"{pool.held(owner)}/{pool.prefix_length}" for pool in pools]
    ways = (gateways.get(4, ""), gateways.get(6, ""))
    return plans.hang(state, [*told, *place.more], place.mac, place.interface, ways)


def _pool(found: Subnet) -> Pool:
    return Pool(found.subnet, found.gateway, found.span, list((found.auxiliary or {}).values()))


def _machine_id() -> bytes:
    try:
        return Path("/etc/machine-id").read_bytes()
    except OSError:
        return os.uname().nodename.encode()


def listeners(held: Iterable[Held], first: int) -> tuple[Listener, ...]:
    """`first`: the number of the first one's file among those that go with the message."""
    return tuple(
        Listener(index, one.target.protocol, one.target.address, one.target.port, one.relay)
        for index, one in enumerate(held, first)
    )


def _about_endpoint(container: Container, error: SampanError) -> SampanError:
    """500, as Docker answers whatever goes wrong with a published port."""
    return Internal(
        "failed to set up container networking: driver failed programming external connectivity on endpoint"
        f" {container.name} ({sha256(container.id.encode()).hexdigest()}): {error}"
    )
