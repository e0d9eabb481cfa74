"""`docker restart`: stop, if it runs, and start."""

from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.containers.start import start
from sampan.engine.containers.stop import stop
from sampan.engine.engine import Engine
from sampan.engine.networks import resolving


async def restart(
    engine: Engine, container: Container, timeout: int | None = None, signal_name: str = ""
) -> None:
    auto_remove = container.definition.host_config.auto_remove
    container.definition.host_config.auto_remove = False  # the end in between is not the last one
    await resolving.will_return(engine, container)
    try:
        await stop(engine, container, timeout, signal_name)
        engine.known.returning.discard(container.id)
        await start(engine, container)
    except BaseException:
        await resolving.has_not_returned(engine, container)
        raise
    finally:
        container.definition.host_config.auto_remove = auto_remove
    tell(engine.bus, container, "restart")
