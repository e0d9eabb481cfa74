"""`docker commit`: the container's own directory becomes the top layer of a new image.

One that does not run gives its directory away, by a rename, and goes on with an empty one above it
(`commit_stopped`). From one that runs a second copy is taken while it is frozen (`commit_running`). What that
costs, and what it means for the image's id, is docs/adr/0007-commit.md.
"""

import asyncio
from typing import NamedTuple

from sampan.engine.containers import commit_running, commit_stopped, imageconfig, uppers
from sampan.engine.containers.commit_layer import Plan
from sampan.engine.containers.config import Config
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.images import behind, resolve
from sampan.engine.images.tag import check_unambiguous
from sampan.engine.state import State
from sampan.errors import Conflict, InvalidArgument
from sampan.oci import reference as references
from sampan.oci.image import LAYER_LIMIT


class Wanted(NamedTuple):
    """`config`: what the client sent to go over the container's own; `pause`: freeze it meanwhile."""

    repository: str = ""
    tag: str = ""
    author: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True
    config: Config | None = None


async def commit(engine: Engine, container: Container, wanted: Wanted) -> str:
    """The id of the new image. Raises Conflict, NotFound (its image is gone), InvalidArgument."""
    check(container)
    plan = await asyncio.to_thread(_plan, engine, container, wanted)
    if container.running:
        image_id = await commit_running.commit(engine, container, plan, freeze=wanted.pause)
    else:
        async with container.lock:
            check(container)
            if container.running:
                raise Conflict(f"Container {container.id} was started meanwhile")
            if uppers.limited(container):  # nothing can be renamed from one file system to another
                image_id = await commit_running.commit(engine, container, plan, freeze=False)
            else:
                image_id = await asyncio.to_thread(commit_stopped.commit, engine, container, plan)
    named = ":".join(plan.tags[0]) if plan.tags else ""
    tell(engine.bus, container, "commit", comment=wanted.message, imageID=image_id, imageRef=named)
    behind.catch_up(engine.images.store)
    return image_id


def check(container: Container) -> None:
    if container.state is State.DEAD:
        raise Conflict(f"You cannot commit container {container.id} which is Dead")
    if container.state is State.REMOVING:
        raise Conflict(f"You cannot commit container {container.id} which is being removed")


def _plan(engine: Engine, container: Container, wanted: Wanted) -> Plan:
    """Everything that can be refused is looked at here. Calm."""
    tags = _tags(wanted)
    definition = container.definition
    image = resolve.find(engine.images, definition.image_id)
    if len(definition.lowerdirs) >= LAYER_LIMIT:
        raise InvalidArgument(f"the image would have more than the {LAYER_LIMIT} layers that can be mounted")
    drafted = imageconfig.draft(
        definition.config,
        wanted.config,
        list(wanted.changes),
        author=wanted.author,
        message=wanted.message,
    )
    return Plan(image.id, tags, drafted)


def _tags(wanted: Wanted) -> list[tuple[str, str]]:
    if not wanted.repository:
        return []
    named = references.parse(wanted.repository + (f":{wanted.tag}" if wanted.tag else ""))
    if named.digest:
        raise InvalidArgument("invalid reference format")
    check_unambiguous(named)
    return [(named.repository, named.with_default_tag().tag or references.DEFAULT_TAG)]
