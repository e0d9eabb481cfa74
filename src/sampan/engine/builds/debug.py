"""A failed RUN keeps its file system: the last few of them can be entered (`sampan debug`)."""

import time

import msgspec

from sampan.build.cache import Row
from sampan.engine import timestamps
from sampan.engine.builds.builds import Builds
from sampan.engine.engine import Engine
from sampan.engine.images import resolve
from sampan.errors import NotFound
from sampan.oci import platform as platforms
from sampan.oci.image import Config, ImageConfig, RootFs
from sampan.storage.images import NewImage

_KEPT = 5  # failed steps
_PREFIX = "failed:"


class Kept(msgspec.Struct):
    """What a failed step was on top of, and how it ran."""

    base: str  # image id, "" for scratch
    layers: list[int]
    environment: list[str]
    directory: str
    user: str


def key(identity: str) -> str:
    return _PREFIX + identity


def describe(kept: Kept) -> str:
    return msgspec.json.encode(kept).decode()


def forget_old(builds: Builds) -> None:
    """All but the newest. Calm."""
    rows = [row for row in builds.cache.rows() if row.kind == "debug"]
    rows.sort(key=lambda row: row.created)
    builds.cache.remove([row.key for row in rows[:-_KEPT]])


def image(engine: Engine, builds: Builds, identity: str) -> str:
    """An image of what a failed step left, without a name: its id. Whoever made it removes it. Calm."""
    row = _find(builds, identity)
    kept = msgspec.json.decode(row.description, type=Kept)
    base = resolve.find(engine.images, kept.base) if kept.base else None
    numbers = [*(base.layers if base else ()), *kept.layers, *([row.layer] if row.layer is not None else [])]
    with engine.images.store.commit_lock, engine.images.store.leases.open() as lease:
        diff_ids = []
        for number in numbers:
            layer = engine.images.layers.numbered(number)
            if layer is None:
                raise NotFound(f"a layer below the failed step {identity} is gone: build again")
            engine.images.layers.has(lease, layer.diff_id)
            diff_ids.append(layer.diff_id)
        config = _config(engine, kept, diff_ids, identity)
        on_host = base is not None and (base.is_host or base.row.on_host)
        return engine.images.records.commit(NewImage(config, time.time(), diff_ids, [], on_host))


def _find(builds: Builds, identity: str) -> Row:
    rows = [row for row in builds.cache.rows() if row.kind == "debug"]
    if not identity and rows:
        return max(rows, key=lambda row: row.created)
    found = [row for row in rows if row.key.startswith(key(identity))]
    if len(found) != 1:
        raise NotFound(f"no such failed build step: {identity}" if identity else "no build step has failed")
    return found[0]


def _config(engine: Engine, kept: Kept, diff_ids: list[str], identity: str) -> bytes:
    platform = platforms.of_machine(engine.images.machine)
    run = Config(
        Env=kept.environment,
        WorkingDir=kept.directory,
        User=kept.user or None,
        Cmd=["/bin/sh"],
        Labels={"sampan.debug": identity},
    )
    created = timestamps.text(timestamps.now())
    rootfs = RootFs("layers", diff_ids)
    return msgspec.json.encode(
        ImageConfig(rootfs, platform.architecture, platform.os, created=created, config=run)
    )
