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
    own, image = uppers.directories(engine, container), uppers.image_layers(container)
    return await asyncio.to_thread(_listed, own, image)


def _listed(own: list[str], image: list[str]) -> list[dict[str, Any]]:
    return [
        {"Path": change.path.decode("utf-8", "replace"), "Kind": int(change.kind)}
        for change in changes(own, image, _MOUNT_POINTS)
    ]
