"""The size of a container's terminal."""

from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import Conflict


async def resize(engine: Engine, container: Container, height: int, width: int) -> None:
    """Raises Conflict when it does not run."""
    if not container.running or container.link is None:
        raise Conflict(f"container {container.id} is not running")
    await container.link.resize(height, width)
    tell(engine.bus, container, "resize", height=str(height), width=str(width))
