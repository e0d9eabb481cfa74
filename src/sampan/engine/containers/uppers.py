"""What is the container's own in its root: the directory that it writes to, and those below it that a commit
has made layers of (docs/adr/0007-commit.md)."""

import os

from sampan.engine.containers import inspect
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine


def directories(engine: Engine, container: Container) -> list[str]:
    """Top first; the first is the one that is written to."""
    definition = container.definition
    return [f"{engine.settings.container_data(container.id)}/diff", *definition.lowerdirs[: definition.own]]


def image_layers(container: Container) -> list[str]:
    """The directories of its image, top first."""
    return container.definition.lowerdirs[container.definition.own :]


def usage(engine: Engine, container: Container) -> int:
    """Bytes. Calm."""
    return sum(inspect.usage(path) for path in directories(engine, container) if os.path.isdir(path))
