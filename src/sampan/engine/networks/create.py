"""`docker network create`: everything is looked at, then the row, then the bridge. A daemon that dies in
between finds the row, and makes the bridge at its next start."""

from sampan.engine import names, timestamps
from sampan.engine.engine import Engine
from sampan.engine.networks import request as requests
from sampan.engine.networks.request import NetworkCreate
from sampan.engine.networks.store import Network, Subnet
from sampan.errors import Conflict, Forbidden
from sampan.network import addresses


async def create(engine: Engine, wanted: NetworkCreate) -> Network:
    requests.check(wanted)
    if engine.networks.named(wanted.name) is not None:
        raise Conflict(f"network with name {wanted.name} already exists")
    network = _decide(engine, wanted)
    engine.networks.reserve(network)
    try:
        await engine.network.choose(network, [one for one in engine.networks if one is not network])
        await engine.networks.save(network)
        await engine.network.add(network)
    except BaseException:
        await engine.networks.delete(network)
        raise
    attributes = {"name": network.name, "type": network.driver}
    engine.bus.publish("network", "create", network.id, attributes)
    return network


def _decide(engine: Engine, wanted: NetworkCreate) -> Network:
    options = requests.bridge_options(wanted.options or {})
    found = requests.subnets(wanted)
    for one in found:
        _check_free(engine, one)
    identity = names.new_id()
    return Network(
        id=identity,
        name=wanted.name,
        created=timestamps.now(),
        driver=wanted.driver or "bridge",
        interface=options.name or f"br-{identity[:12]}",
        internal=wanted.internal,
        attachable=wanted.attachable,
        ipv6=bool(wanted.enable_ipv6),
        subnets=found,
        options=wanted.options or {},
        labels=wanted.labels or {},
    )


def _check_free(engine: Engine, wanted: Subnet) -> None:
    for other in engine.networks:
        if any(addresses.overlap(wanted.subnet, one.subnet) for one in other.subnets):
            raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
