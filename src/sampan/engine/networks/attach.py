"""The places of a container on its networks: all of them before its start, one more while it runs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sampan.engine.containers.config import EndpointRequest
from sampan.engine.containers.publishing import bindings
from sampan.engine.containers.record import Container, Endpoint
from sampan.engine.engine import Engine
from sampan.engine.network import Connection, Place, listeners
from sampan.engine.networks import defaults, endpoint_options, reserving, wanted
from sampan.engine.networks.options import BridgeOptions, bridge_options
from sampan.engine.networks.store import Network
from sampan.errors import Conflict
from sampan.network.ports import PortBinding, Published
from sampan.runtime.protocol import Interface


class Ways(NamedTuple):
    """Out of a container: the endpoint whose gateway is the default one, of each family."""

    four: Endpoint | None
    six: Endpoint | None

    @property
    def gateway(self) -> str | None:
        return self.four.gateway if self.four else None

    @property
    def gateway6(self) -> str | None:
        return self.six.gateway6 if self.six else None

    @property
    def published(self) -> Endpoint | None:
        """Where ports are published; nowhere if the way out is another machine's."""
        first = self.four or self.six
        return first if first is not None and first.kind == "veth" else None


async def attach_all(engine: Engine, container: Container) -> Connection:
    """All or nothing. Raises NotFound, Conflict, Forbidden, Unavailable, Internal."""
    places = wanted.networks(engine, container)
    if not places:
        return Connection()
    if container.status.reserved:
        reserving.reserve(engine, container)
    made: list[tuple[Endpoint, Interface]] = []
    try:
        interfaces = names([request for _, request in places])
        for (network, request), interface in zip(places, interfaces, strict=True):
            made.append(join(engine, container, network, request, interface))
        made.sort(key=lambda one: rank(container, one[0]))
        ways = ways_out(container, [endpoint for endpoint, _ in made])
        got = await publish(engine, container, ways.published)
    except BaseException:
        for endpoint, _ in made:
            engine.network.leave(container, endpoint.network_id)
        raise
    return Connection(
        tuple(endpoint for endpoint, _ in made),
        tuple(interface for _, interface in made),
        ways.gateway,
        ways.gateway6,
        listeners(got.listeners, 1),  # file 0 of a launch is the control connection
        tuple(got.listeners),
    )


def names(requests: Sequence[EndpointRequest]) -> list[str]:
    """Of the interfaces inside. Raises Conflict for one that is wanted twice."""
    asked = [endpoint_options.interface(request) for request in requests]
    given = [name for name in asked if name]
    if len(set(given)) < len(given):
        raise Conflict(f"interface name {max(given, key=given.count)} is wanted on more than one network")
    taken = set(given)
    found = []
    for name in asked:
        found.append(name or endpoint_options.unused(taken))
        taken.add(found[-1])
    return found


def join(
    engine: Engine, container: Container, network: Network, request: EndpointRequest, interface: str
) -> tuple[Endpoint, Interface]:
    mode = container.definition.host_config.network_mode
    mac = request.mac_address
    if engine.networks.resolve(mode) is network:
        mac = mac or container.definition.config.mac_address
    place = Place(
        interface,
        *wanted.addresses(request),
        mac.replace("-", ":").lower(),
        endpoint_options.link_local(request),
        endpoint_options.sysctls(request, interface),
    )
    return engine.network.join(container, network, place)


def rank(container: Container, endpoint: Endpoint) -> tuple[bool, int, str]:
    """Whose gateway is the default one: the least of all has it (libnetwork, Endpoint.Less)."""
    return not (endpoint.gateway or endpoint.gateway6), *_order(container, endpoint)


def ways_out(container: Container, endpoints: Iterable[Endpoint]) -> Ways:
    ordered = sorted(endpoints, key=lambda one: _order(container, one))
    return Ways(
        next((one for one in ordered if one.gateway), None),
        next((one for one in ordered if one.gateway6), None),
    )


def _order(container: Container, endpoint: Endpoint) -> tuple[int, str]:
    request = wanted.requests(container).get(endpoint.network) or EndpointRequest()
    return -request.gw_priority, endpoint.network


async def publish(engine: Engine, container: Container, first: Endpoint | None) -> Published:
    """All its ports there; on an internal network nothing is published. Raises as `NetworkFloor.publish`."""
    asked = bindings(container.definition.config, container.definition.host_config)
    if not asked or first is None:
        return Published([], [])
    told = relayed(engine, first)
    return await engine.network.publish(container, first, placed(engine, first, asked), relayed=told)


def placed(engine: Engine, first: Endpoint, asked: list[PortBinding]) -> list[PortBinding]:
    """At the address that the network, or the daemon, publishes at, where none was asked for."""
    binding = _options(engine, first).host_binding or defaults.binding(engine.settings)
    if not binding or binding == "0.0.0.0":
        return asked
    return [one if one.host_ip else one._replace(host_ip=binding) for one in asked]


def relayed(engine: Engine, first: Endpoint) -> bool:
    """Whether what is published there passes the machine's INPUT chain."""
    told = _options(engine, first).relayed
    return defaults.relayed(engine.settings) if told is None else told


def _options(engine: Engine, endpoint: Endpoint) -> BridgeOptions:
    network = engine.networks.get(endpoint.network_id)
    return bridge_options(network.options if network and not network.predefined else {})
