"""What both ways of a commit share: looking at the new layer, and recording the image. Calm."""

import contextlib
import os
from collections.abc import Callable, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from sampan.engine import timestamps
from sampan.engine.containers import imageconfig
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.images import resolve
from sampan.errors import Conflict
from sampan.storage import taken as layers_taken
from sampan.storage.images import NewImage
from sampan.storage.taken import Known, Measured

# A change up to this is hashed at once, which takes some 20 ms: its image has its real id from the beginning.
_AT_ONCE = Measured(16 << 20, 500)
# Mount points that the runtime makes: what is mounted there is not the image's.
_MOUNT_POINTS = ("hosts", "hostname", "resolv.conf")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Plan(NamedTuple):
    image_id: str  # of the container
    tags: list[tuple[str, str]]
    draft: imageconfig.Draft


def look_at(directory: str) -> Known:
    """The diff id of a layer, or a placeholder for one that takes too long to hash."""
    found = layers_taken.measure(directory, _AT_ONCE)
    if found is None:
        return Known(layers_taken.placeholder())
    sealed = layers_taken.hash_directory(directory)
    return Known(sealed.diff_id, found.size, pending=False, tar=sealed.size)


def clear_mount_points(upper: str) -> None:
    """Empty files only; what the image brings is not in the upper directory, since nobody could write it."""
    with contextlib.suppress(OSError):
        directory = os.open(f"{upper}/etc", _DIRECTORY)
        try:
            for name in _MOUNT_POINTS:
                with contextlib.suppress(FileNotFoundError):
                    if os.stat(name, dir_fd=directory, follow_symlinks=False).st_size == 0:
                        os.unlink(name, dir_fd=directory)
        finally:
            os.close(directory)


def record(
    engine: Engine,
    container: Container,
    plan: Plan,
    new: str | None,
    also: Callable[[Connection], None],
) -> str:
    """The image, its names, and `also`, in one transaction. `new`: the diff id of the layer that comes on
    top of the image's and the container's earlier ones; None: nothing has changed."""
    images = engine.images
    with images.store.commit_lock:  # a diff id does not turn from a placeholder into a real one meanwhile
        parent = resolve.find(images, plan.image_id)
        below = [layer.diff_id for layer in parent.row.layers]
        own = [*_own(engine, container), *([new] if new else [])]
        now = timestamps.now()
        config = imageconfig.document(plan.draft, parent.config, below + own, len(own), timestamps.text(now))
        on_host = parent.is_host or parent.row.on_host
        image = NewImage(config, now / 1e9, below + own, [], on_host=on_host)
        return images.records.commit(image, plan.tags, also=lambda sql, _: also(sql))


def _own(engine: Engine, container: Container) -> Sequence[str]:
    """The diff ids of what earlier commits have made layers of, bottom first."""
    found = []
    for path in reversed(container.definition.lowerdirs[: container.definition.own]):
        layer = engine.images.layers.numbered(int(path.split("/")[-2]))
        if layer is None:
            raise Conflict(f"a layer of container {container.id} is missing")
        found.append(layer.diff_id)
    return found
