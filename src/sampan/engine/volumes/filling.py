"""The first use of a volume by a container: filled from its image, whole or not at all.

A mark beside the volume's directory says that it is being filled: what a daemon that was killed has left
there is taken out at the next start.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator

from sampan.engine.containers.record import Container, MountPoint
from sampan.engine.engine import Engine
from sampan.engine.volumes import copyup, limits, mounting
from sampan.engine.volumes.parts import open_part
from sampan.engine.volumes.remove import users
from sampan.engine.volumes.store import Volume
from sampan.errors import Internal
from sampan.storage.remove import remove_tree

_MARK = "filling"


async def fill(engine: Engine, container: Container, mount: MountPoint, volume: Volume) -> None:
    """One at a time for each volume: who comes second finds all of it. Raises Internal."""
    lock = engine.volumes.filling.setdefault(volume.name, asyncio.Lock())
    async with lock, mounting.mounted(engine, [volume]):
        await asyncio.to_thread(_fill, engine, container.definition.lowerdirs, mount, volume)


def _fill(engine: Engine, lowerdirs: list[str], mount: MountPoint, volume: Volume) -> None:
    with _target(engine.volumes.directory(volume.name), mount.subpath) as target:
        if target is None or os.listdir(target):
            return
        mark = f"{engine.volumes.home(volume.name)}/{_MARK}"
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            copyup.copy_up(lowerdirs, mount.destination, target, limits.owner(volume))
        except OSError as error:
            _empty(target)
            reason = os.strerror(error.errno or 0).lower()
            raise Internal(f"cannot fill volume {volume.name} from the image: {reason}") from None
        finally:
            os.unlink(mark)


@contextlib.contextmanager
def _target(directory: str, subpath: str) -> Iterator[str | None]:
    """None: that part of the volume is not there, and the runtime will say so."""
    if not subpath:
        yield directory
        return
    try:
        fd = open_part(directory, subpath, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield None
        return
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _empty(directory: str) -> None:
    for name in os.listdir(directory):
        remove_tree(f"{directory}/{name}")


def recover(engine: Engine) -> None:
    """At the daemon's start, when all containers are known. Calm."""
    for volume in engine.volumes:
        mark = f"{engine.volumes.home(volume.name)}/{_MARK}"
        if os.path.exists(mark):
            if not users(engine, volume.name):
                with limits.opened(engine, volume) as directory:
                    _empty(directory)
            os.unlink(mark)
