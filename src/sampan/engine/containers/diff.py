"""`docker diff`: what the container has changed since its image, while it runs and afterwards."""

import asyncio
from typing import Any

from sampan.engine.containers import uppers
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.storage.changes import changes

# What Docker has in a layer of its own below the container's (moby, daemon/initlayer).
_MOUNT_POINTS = frozenset((
    b"/.dockerenv", b"/dev", b"/etc/hostname", b"/etc/hosts", b"/etc/mtab", b"/etc/resolv.conf", b"/proc",
    b"/sys",
))  # fmt: skip


async def diff(engine: Engine, container: Container) -> list[dict[str, Any]]:
    """As the Engine API has it: Kind 0 is changed, 1 added, 2 deleted."""
    return await asyncio.to_thread(_listed, engine, container)


def _listed(engine: Engine, container: Container) -> list[dict[str, Any]]:
    with uppers.opened(engine, container) as own:
        return [
            {"Path": change.path.decode("utf-8", "replace"), "Kind": int(change.kind)}
            for change in changes(own, uppers.image_layers(container), _MOUNT_POINTS)
        ]
