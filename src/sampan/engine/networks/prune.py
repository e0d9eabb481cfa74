"""`docker network prune`: networks that no running container is on. The predefined ones always stay."""

from sampan.engine import prune_filters, timestamps
from sampan.engine.engine import Engine
from sampan.engine.networks.remove import remove
from sampan.errors import Forbidden


async def prune(engine: Engine, filters: dict[str, list[str]]) -> list[str]:
    """The names of what was removed. Raises InvalidArgument for filters that are none."""
    wanted = prune_filters.parse(filters, timestamps.now())
    deleted = []
    for network in engine.networks:
        if network.predefined or not wanted.matches(network.created, network.labels):
            continue
        try:
            await remove(engine, network)
        except Forbidden:
            continue
        deleted.append(network.name)
    engine.bus.publish("network", "prune", "", {"reclaimed": "0"})
    return deleted
