"""Volumes as the Engine API shows them."""

from typing import Any

from sampan.engine import patterns, timestamps
from sampan.engine.engine import Engine
from sampan.engine.events import has_label
from sampan.engine.volumes.remove import users
from sampan.engine.volumes.store import Volume
from sampan.errors import InvalidArgument

FILTERS = frozenset(("name", "label", "dangling", "driver"))
_TRUTH = {"1": True, "true": True, "0": False, "false": False}
ANONYMOUS = "com.docker.volume.anonymous"


def inspect(engine: Engine, volume: Volume) -> dict[str, Any]:
    labels = volume.labels
    if volume.anonymous:
        labels = {ANONYMOUS: "", **(labels or {})}
    return {
        "CreatedAt": timestamps.text(volume.created // 1_000_000_000 * 1_000_000_000),
        "Driver": "local",
        "Labels": labels,
        "Mountpoint": engine.volumes.directory(volume.name),
        "Name": volume.name,
        "Options": volume.options,
        "Scope": "local",
    }


def listing(engine: Engine, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Raises InvalidArgument."""
    for value in filters.get("dangling", ()):
        if value.lower() not in _TRUTH:
            raise InvalidArgument(f"invalid filter 'dangling=[{' '.join(filters['dangling'])[:64]}]'")
    return [inspect(engine, volume) for volume in engine.volumes if _wanted(engine, volume, filters)]


def _wanted(engine: Engine, volume: Volume, filters: dict[str, list[str]]) -> bool:
    if (names := filters.get("name")) and not any(patterns.matcher(name)(volume.name) for name in names):
        return False
    if not all(has_label(volume.labels or {}, label) for label in filters.get("label", ())):
        return False
    if (drivers := filters.get("driver")) and "local" not in drivers:
        return False
    dangling = filters.get("dangling")
    return not dangling or _TRUTH[dangling[0].lower()] != bool(users(engine, volume.name))
