"""What is the container's own in its root: the directory that it writes to, and those below it that a commit
has made layers of (docs/adr/0007-commit.md)."""

import contextlib
import os
from collections.abc import Iterator

from sampan.engine import disks
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.storage import walk


def limited(container: Container) -> int:
    """Bytes of a disk of its own (`engine.disks`); 0: it writes to the machine's."""
    size = (container.definition.host_config.storage_opt or {}).get("size")
    return disks.parse(size) if size is not None else 0


def home(engine: Engine, container: Container) -> str:
    """Where its upper and its work directory are, as soon as its disk is mounted if it has one."""
    data = engine.settings.container_data(container.id)
    return disks.place(data) if limited(container) else data


@contextlib.contextmanager
def opened(engine: Engine, container: Container) -> Iterator[list[str]]:
    """Paths of this process, top first; the first is the directory that is written to. Calm."""
    data, definition = engine.settings.container_data(container.id), container.definition
    with disks.opened(data) if limited(container) else contextlib.nullcontext(data) as base:
        yield [f"{base}/diff", *definition.lowerdirs[: definition.own]]


def image_layers(container: Container) -> list[str]:
    """The directories of its image, top first."""
    return container.definition.lowerdirs[container.definition.own :]


def usage(engine: Engine, container: Container) -> int:
    """Bytes. Calm."""
    with opened(engine, container) as directories:
        return sum(walk.usage(path) for path in directories if os.path.isdir(path))
