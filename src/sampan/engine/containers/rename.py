"""`docker rename`."""

from sampan.engine import names
from sampan.engine.containers import links
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.networks import resolving
from sampan.errors import Conflict, InvalidArgument


async def rename(engine: Engine, container: Container, new_name: str) -> None:
    if not new_name:
        raise InvalidArgument("Neither old nor new names may be empty")
    new_name = names.check_name(new_name)
    async with container.lock:
        if container.dying_or_gone:
            raise Conflict(f"container {container.id} is marked for removal")
        old = container.name
        if new_name == old:
            raise InvalidArgument("Renaming a container with the same name as its current name")
        engine.containers.reserve_name(new_name, container.id)
        container.definition.name = new_name
        try:
            await engine.records.save(container)
        except BaseException:
            container.definition.name = old
            engine.containers.release_name(new_name, container.id)
            raise
        engine.containers.release_name(old, container.id)
        container.entry = None
        links.forget_rows(engine, container)
    if container.running or container.id in engine.known.expected:
        await resolving.renew(engine)
    tell(engine.bus, container, "rename", oldName=f"/{old}")
