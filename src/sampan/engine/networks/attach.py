"""The places of a container on its networks: all of them before its start, one more while it runs."""

from sampan.engine.containers.config import EndpointRequest
from sampan.engine.containers.publishing import bindings
from sampan.engine.containers.record import Container, Endpoint
from sampan.engine.engine import Engine
from sampan.engine.network import Connection, Place, listeners
from sampan.engine.networks import reserving, wanted
from sampan.engine.networks.request import bridge_options
from sampan.engine.networks.store import Network
from sampan.network.ports import Held, PortBinding
from sampan.runtime.protocol import Interface, Listener


async def attach_all(engine: Engine, container: Container) -> Connection:
    """All or nothing. Raises NotFound, Conflict, Unavailable, Internal."""
    places = wanted.networks(engine, container)
    if not places:
        return Connection()
    if container.status.reserved:
        reserving.reserve(engine, container)
    made: list[tuple[Endpoint, Interface]] = []
    try:
        for number, (network, request) in enumerate(places):
            made.append(join(engine, container, network, request, f"eth{number}"))
        made.sort(key=lambda one: rank(container, one[0]))
        held, told = await _publish(engine, container, made[0][0])
    except BaseException:
        for endpoint, _ in made:
            engine.network.leave(container, endpoint.network_id)
        raise
    first = made[0][0]
    return Connection(
        tuple(endpoint for endpoint, _ in made),
        tuple(interface for _, interface in made),
        first.gateway or None,
        first.gateway6 or None,
        told,
        held,
    )


def join(
    engine: Engine, container: Container, network: Network, request: EndpointRequest, interface: str
) -> tuple[Endpoint, Interface]:
    mode = container.definition.host_config.network_mode
    mac = request.mac_address
    if engine.networks.resolve(mode) is network:
        mac = mac or container.definition.config.mac_address
    return engine.network.join(
        container, network, Place(interface, *wanted.addresses(request), mac.replace("-", ":").lower())
    )


def rank(container: Container, endpoint: Endpoint) -> tuple[bool, int, str]:
    """Whose gateway is the default one: the least of all has it (libnetwork, Endpoint.Less)."""
    request = wanted.requests(container).get(endpoint.network) or EndpointRequest()
    return not endpoint.gateway, -request.gw_priority, endpoint.network


async def _publish(
    engine: Engine, container: Container, first: Endpoint
) -> tuple[tuple[Held, ...], tuple[Listener, ...]]:
    asked = bindings(container.definition.config, container.definition.host_config)
    if not asked or not first.gateway:  # on an internal network nothing is published
        return (), ()
    got = await engine.network.publish(container, first, placed(engine, first, asked))
    return tuple(got.listeners), listeners(got.listeners)


def placed(engine: Engine, first: Endpoint, asked: list[PortBinding]) -> list[PortBinding]:
    """On the address that the network publishes at, where none was asked for."""
    network = engine.networks.get(first.network_id)
    binding = bridge_options(network.options).host_binding if network and not network.predefined else ""
    if not binding or binding == "0.0.0.0":
        return asked
    return [one if one.host_ip else one._replace(host_ip=binding) for one in asked]
