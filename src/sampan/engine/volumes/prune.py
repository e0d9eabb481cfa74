"""`docker volume prune`: volumes that no container mounts; without `all` only those without a name."""

import asyncio

from sampan.engine import prune_filters, timestamps
from sampan.engine.engine import Engine
from sampan.engine.volumes import limits
from sampan.engine.volumes.inspect import ANONYMOUS
from sampan.engine.volumes.remove import remove, users
from sampan.errors import Conflict, InvalidArgument, NotFound

FILTERS = frozenset(("all", "label", "label!"))
_TRUTH = {"1": True, "true": True, "0": False, "false": False}


async def prune(engine: Engine, filters: dict[str, list[str]], *, named: bool) -> tuple[list[str], int]:
    """(names, bytes) of what was removed. `named`: as the filter `all` does."""
    wanted = prune_filters.parse(filters, timestamps.now())
    for value in filters.get("all", ()):
        if value.lower() not in _TRUTH:
            raise InvalidArgument(f"invalid filter 'all=[{' '.join(filters['all'])[:64]}]'")
        named = _TRUTH[value.lower()]
    deleted, space = [], 0
    for volume in engine.volumes:
        nameless = volume.anonymous or ANONYMOUS in (volume.labels or {})
        if (nameless or named) and wanted.matches(volume.created, volume.labels or {}):
            if volume.unclaimed or users(engine, volume.name):
                continue
            size = await asyncio.to_thread(limits.used, engine, volume)
            try:
                await remove(engine, volume.name)
            except (Conflict, NotFound):
                continue  # a container got it, or somebody else removed it meanwhile
            deleted.append(volume.name)
            space += size
    engine.bus.publish("volume", "prune", "", {"reclaimed": str(space)})
    return deleted, space
