"""`docker network disconnect`: for the next start, and at once where the container runs."""

from sampan.engine.containers import netfiles, netrecord
from sampan.engine.containers.config import NetworkingConfig
from sampan.engine.containers.happenings import tell_of_network
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.networks import attach, moving, resolving, wanted
from sampan.engine.networks.plugging import plug
from sampan.engine.networks.store import Network
from sampan.errors import Conflict, Forbidden, InvalidArgument, NotFound


async def disconnect(engine: Engine, network: Network, container: Container) -> None:
    """Raises Forbidden, InvalidArgument, Conflict."""
    async with container.lock:
        _check(network, container)
        running = container.running
        if running:
            await _unplug(engine, network, container)
        kept = {name: one for name, one in wanted.requests(container).items() if name != network.name}
        container.definition.networking = NetworkingConfig(endpoints_config={**kept})
        if container.id in engine.known.expected:
            engine.network.give_back(container, network.id)
            await resolving.renew(engine)
        container.entry = None
        await engine.records.save(container)
    if running:
        tell_of_network(engine, container, network, "disconnect")


async def disconnect_from(engine: Engine, word: str, container: Container) -> None:
    """A container that does not run comes off a network that is gone, too: it would never start again. Raises
    as `disconnect`, and NotFound."""
    try:
        network = engine.networks.find(word)
    except NotFound:
        await _forget(engine, word, container)
    else:
        await disconnect(engine, network, container)


async def _forget(engine: Engine, name: str, container: Container) -> None:
    async with container.lock:
        asked = wanted.requests(container)
        if container.dying_or_gone or container.running or name not in asked:
            raise NotFound(f"network {name} not found")
        del asked[name]
        container.definition.networking = NetworkingConfig(endpoints_config={**asked})
        container.entry = None
        await engine.records.save(container)


def _check(network: Network, container: Container) -> None:
    mode = container.definition.host_config.network_mode
    if container.dying_or_gone:
        raise Conflict(f"container {container.id} is marked for removal and cannot be disconnected")
    if mode == network.name == "host":
        raise InvalidArgument(
            "container cannot be disconnected from host network or connected to host network"
        )
    if network.name not in wanted.requests(container):
        raise Forbidden(f"container {container.id} is not connected to network {network.name}")


async def _unplug(engine: Engine, network: Network, container: Container) -> None:
    """Its pair goes with both ends; published ports go to where the default gateway is now."""
    gone = next((one for one in container.status.endpoints if one.network_id == network.id), None)
    if gone is None:
        return
    left = [one for one in container.status.endpoints if one is not gone]
    on_host = gone.kind == "veth"
    if on_host:
        await engine.network.unplug(gone.host_name)
    removed = () if on_host else (gone.interface,)
    ways = attach.ways_out(container, left)
    await plug(engine, container, ways, removed=removed)
    published = next((one for one in container.status.endpoints if one.ports), None)
    await moving.move(engine, container, published, ways.published)
    engine.network.leave(container, network.id)
    container.status.endpoints = left
    if not await resolving.introduce(engine, container, left):
        await resolving.forget(engine, container)
    netrecord.write(engine.settings.container_run(container.id), left)
    netfiles.rewrite(engine, container)
