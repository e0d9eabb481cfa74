"""`docker container prune`."""

import asyncio

from sampan.engine import timestamps
from sampan.engine.containers.inspect import usage
from sampan.engine.containers.record import Container
from sampan.engine.containers.remove import remove
from sampan.engine.engine import Engine
from sampan.engine.events import has_label
from sampan.engine.state import State
from sampan.errors import Conflict

FILTERS = frozenset(("label", "label!", "until"))


async def prune(engine: Engine, filters: dict[str, list[str]]) -> tuple[list[str], int]:
    """(IDs, bytes) of what was removed: everything that does not run."""
    deleted, space = [], 0
    until = min((timestamps.bound(value, "until") or 0 for value in filters.get("until", ())), default=None)
    for container in engine.containers:
        if container.state not in (State.CREATED, State.EXITED, State.DEAD) or not _wanted(
            container, filters, until
        ):
            continue
        size = await asyncio.to_thread(usage, f"{engine.settings.container_data(container.id)}/diff")
        try:
            await remove(engine, container)
        except Conflict:
            continue  # it was started meanwhile
        deleted.append(container.id)
        space += size
    engine.bus.publish("container", "prune", "", {"reclaimed": str(space)})
    return deleted, space


def _wanted(container: Container, filters: dict[str, list[str]], until: int | None) -> bool:
    labels = container.definition.config.labels or {}
    if until is not None and container.definition.created >= until:
        return False
    if not all(has_label(labels, value) for value in filters.get("label", ())):
        return False
    return not any(has_label(labels, value) for value in filters.get("label!", ()))
