"""`docker restart`: stop, if it runs, and start."""

from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.containers.start import start
from sampan.engine.containers.stop import stop
from sampan.engine.engine import Engine


async def restart(
    engine: Engine, container: Container, timeout: int | None = None, signal_name: str = ""
) -> None:
    auto_remove = container.definition.host_config.auto_remove
    container.definition.host_config.auto_remove = False  # the end in between is not the last one
    try:
        await stop(engine, container, timeout, signal_name)
        await start(engine, container)
    finally:
        container.definition.host_config.auto_remove = auto_remove
    tell(engine.bus, container, "restart")
