"""`docker network connect`: for the next start, and at once where the container runs."""

from sampan.engine.containers import netfiles, netrecord
from sampan.engine.containers.config import EndpointRequest, NetworkingConfig
from sampan.engine.containers.happenings import tell_of_network
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.networks import attach, endpoint_options, hanging, moving, resolving, wanted
from sampan.engine.networks.plugging import plug
from sampan.engine.networks.store import Network
from sampan.errors import Conflict, Forbidden, InvalidArgument


async def connect(engine: Engine, network: Network, container: Container, request: EndpointRequest) -> None:
    """Raises Conflict, Forbidden, InvalidArgument, Unavailable, with nothing changed."""
    async with container.lock:
        _check(network, container, request)
        before = dict(container.definition.networking.endpoints_config or {})
        if container.running:
            await _plug(engine, network, container, request)
        else:
            container.definition.networking = NetworkingConfig(
                endpoints_config={**before, network.name: request}
            )
            if container.id in engine.known.expected:
                await resolving.renew(engine)
        container.entry = None
        await engine.records.save(container)
    if container.running:
        tell_of_network(engine, container, network, "connect")


def _check(network: Network, container: Container, request: EndpointRequest) -> None:
    mode = container.definition.host_config.network_mode
    if network.config_only:
        raise Forbidden("cannot create endpoint on configuration-only network")
    if container.dying_or_gone:
        raise Conflict(f"container {container.id} is marked for removal and cannot be connected to a network")
    if mode.startswith("container:"):
        raise Conflict(
            "container sharing network namespace with another container or host cannot be connected to any"
            " other network"
        )
    if "host" in (mode, network.name):
        raise InvalidArgument(
            "container cannot be disconnected from host network or connected to host network"
        )
    if "none" in (mode, network.name):
        raise InvalidArgument(
            "container cannot be connected to multiple networks with one of the networks in private (none)"
            " mode"
        )
    if network.name in wanted.requests(container):
        raise Forbidden(f"endpoint with name {container.name} already exists in network {network.name}")
    wanted.check(network, network.name, request)


async def _plug(engine: Engine, network: Network, container: Container, request: EndpointRequest) -> None:
    taken = {one.interface for one in container.status.endpoints}
    name = endpoint_options.interface(request) or endpoint_options.unused(taken)
    if name in taken:
        raise Conflict(f"interface name {name} is in use in the container")
    before = container.definition.networking
    asked = wanted.requests(container)
    container.definition.networking = NetworkingConfig(endpoints_config={**asked, network.name: request})
    try:
        endpoint, interface = attach.join(engine, container, network, request, name)
    except BaseException:
        container.definition.networking = before
        raise
    known = container.id in engine.known.endpoints
    endpoints = [*container.status.endpoints, endpoint]
    try:
        ways = attach.ways_out(container, endpoints)
        named = await resolving.introduce(engine, container, endpoints)
        resolver = resolving.path(engine) if named and not known else ""
        await plug(engine, container, ways, [interface], resolver=resolver)
    except BaseException:
        container.definition.networking = before
        engine.network.leave(container, network.id)
        await resolving.forget(engine, container)
        if known:
            await resolving.introduce(engine, container, container.status.endpoints)
        raise
    container.status.endpoints = sorted(endpoints, key=lambda one: attach.rank(container, one))
    await moving.move(engine, container, next((one for one in endpoints if one.ports), None), ways.published)
    netrecord.write(engine.settings.container_run(container.id), container.status.endpoints)
    netfiles.rewrite(engine, container)
    hanging.hold(engine, container)
