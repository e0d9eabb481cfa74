"""`docker volume rm`, refused while a container, running or not, mounts it."""

from sampan.engine.engine import Engine
from sampan.errors import Conflict, NotFound


def users(engine: Engine, name: str) -> list[str]:
    """IDs of the containers that mount it."""
    return [
        container.id
        for container in engine.containers
        if any(mount.kind == "volume" and mount.source == name for mount in container.definition.mounts)
    ]


async def remove(engine: Engine, name: str, *, force: bool = False) -> None:
    """`force`: a missing one is a result."""
    try:
        volume = engine.volumes.get(name)
    except NotFound:
        if force:
            return
        raise
    if holders := users(engine, name):
        raise Conflict(f"remove {name}: volume is in use - [{', '.join(holders)}]")
    await engine.volumes.remove(volume.name)
    engine.bus.publish("volume", "destroy", name, {"driver": "local"})


async def remove_anonymous(engine: Engine, names: list[str]) -> None:
    """With their container; those that another container mounts too stay."""
    for name in names:
        if name in engine.volumes and not users(engine, name):
            await engine.volumes.remove(name)
            engine.bus.publish("volume", "destroy", name, {"driver": "local"})
