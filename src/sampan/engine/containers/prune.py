"""`docker container prune`."""

import asyncio

from sampan.engine import prune_filters, timestamps
from sampan.engine.containers import uppers
from sampan.engine.containers.remove import remove
from sampan.engine.engine import Engine
from sampan.engine.state import State
from sampan.errors import Conflict

_ENDED = (State.CREATED, State.EXITED, State.DEAD)


async def prune(engine: Engine, filters: dict[str, list[str]]) -> tuple[list[str], int]:
    """(IDs, bytes) of what was removed: everything that does not run."""
    deleted, space = [], 0
    wanted = prune_filters.parse(filters, timestamps.now())
    for container in engine.containers:
        if container.state not in _ENDED:
            continue
        if not wanted.matches(container.definition.created, container.definition.config.labels or {}):
            continue
        size = await asyncio.to_thread(uppers.usage, engine, container)
        try:
            await remove(engine, container)
        except Conflict:
            continue  # it was started meanwhile
        deleted.append(container.id)
        space += size
    engine.bus.publish("container", "prune", "", {"reclaimed": str(space)})
    return deleted, space
