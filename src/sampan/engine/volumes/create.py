"""`docker volume create`: making one that is there already is a result."""

import secrets

from sampan.engine import disks, timestamps
from sampan.engine.containers.mounts import check_volume_name
from sampan.engine.engine import Engine
from sampan.engine.volumes import limits, mounting
from sampan.engine.volumes.store import Volume
from sampan.errors import NotFound


async def create(
    engine: Engine,
    name: str,
    driver: str = "local",
    labels: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    *,
    anonymous: bool = False,
    unclaimed: bool = False,
) -> Volume:
    """`unclaimed`: for a container that is being created."""
    if driver not in ("", "local"):
        what = f'error looking up volume plugin {driver}: plugin "{driver}" not found'
        raise NotFound(f"create {name}: {what}" if name else what)
    anonymous = anonymous or not name
    name = name or secrets.token_hex(32)
    check_volume_name(name)
    if name in engine.volumes:
        return engine.volumes.get(name)
    mounting.check_options(name, options or {})
    volume = Volume(name, timestamps.now(), labels, options, anonymous, unclaimed)
    size = limits.size(volume)
    template = await disks.template(engine, size) if size else ""
    await engine.volumes.add(volume, lambda: limits.prepare(engine, volume, template))
    engine.bus.publish("volume", "create", name, {"driver": "local"})
    return volume
