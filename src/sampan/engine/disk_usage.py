"""`docker system df`: what images, containers and volumes occupy."""

import asyncio
from typing import Any

from sampan.engine import timestamps
from sampan.engine.builds import prune
from sampan.engine.containers import inspect, listing, uppers
from sampan.engine.engine import Engine
from sampan.engine.images import listing as listing_images
from sampan.engine.images.images import familiar, image_of
from sampan.engine.volumes import inspect as volumes
from sampan.engine.volumes import limits
from sampan.engine.volumes.remove import users
from sampan.oci.image import parse_config
from sampan.storage import taken


def image_count(engine: Engine) -> int:
    """Calm."""
    return sum(1 for row in engine.images.records.all() if not row.host or row.tags)


async def disk_usage(engine: Engine, kinds: list[str], version: tuple[int, int]) -> dict[str, Any]:
    """`kinds` of container, image, volume, build-cache; none is all."""
    shown: dict[str, Any] = {}
    if not kinds or "image" in kinds:
        shown |= await asyncio.to_thread(_images, engine)
    if not kinds or "container" in kinds:
        shown["Containers"] = await _containers(engine)
    if not kinds or "volume" in kinds:
        shown["Volumes"] = await asyncio.to_thread(_volumes, engine)
    if not kinds or "build-cache" in kinds:
        shown["BuildCache"] = await asyncio.to_thread(prune.usage, engine, engine.builds)
    return shown


def _images(engine: Engine) -> dict[str, Any]:
    taken.count(engine.images.store)
    rows = [row for row in engine.images.records.all() if not row.host]
    layers = {layer.number: layer.size for row in rows for layer in row.layers}
    aliases = engine.images.records.aliases()
    told = [container.definition.image_id for container in engine.containers]
    used = [aliases.get(image_id, image_id) for image_id in told]
    shares = listing_images.shared_sizes([image_of(row) for row in rows])
    shown = [
        {
            "Id": row.id,
            "ParentId": "",
            "RepoTags": sorted(familiar(repository, tag=tag) for repository, tag in row.tags),
            "RepoDigests": sorted(familiar(name, digest=digest) for name, digest in row.digests),
            "Created": int(row.created),
            "Size": row.size,
            "SharedSize": shares.get(row.id, 0),
            "Labels": parse_config(row.config).run.Labels,
            "Containers": used.count(row.id),
        }
        for row in rows
    ]
    return {"LayersSize": sum(layers.values()), "Images": shown}


async def _containers(engine: Engine) -> list[dict[str, Any]]:
    now, shown = timestamps.now(), []
    for container in listing.listing(engine, listing.Wanted(everything=True)):
        row = dict(listing.row(engine, container, now))
        row["SizeRw"] = await asyncio.to_thread(uppers.usage, engine, container)
        row["SizeRootFs"] = row["SizeRw"] + await asyncio.to_thread(
            inspect.image_size, engine, container.definition.image_id
        )
        shown.append(row)
    return shown


def _volumes(engine: Engine) -> list[dict[str, Any]]:
    return [
        {
            **volumes.inspect(engine, volume),
            "UsageData": {
                "RefCount": len(users(engine, volume.name)),
                "Size": limits.used(engine, volume),
            },
        }
        for volume in engine.volumes
    ]
