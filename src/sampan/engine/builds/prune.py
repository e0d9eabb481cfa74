"""`builder prune`, and what the build cache occupies. Calm."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sampan.build.cache import Row
from sampan.engine import timestamps
from sampan.engine.builds.builds import Builds
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.storage import taken

# The last two are of `system prune`: nothing in the cache has a label.
FILTERS = frozenset(
    ("until", "unused-for", "id", "parent", "type", "description", "inuse", "shared", "private")
) | {"label", "label!"}


class Wanted(NamedTuple):
    """`all`: what images share, too; `keep`: bytes that may stay."""

    all: bool = False
    keep: int = 0
    filters: Mapping[str, list[str]] = MappingProxyType({})


class Pruned(NamedTuple):
    deleted: list[str]
    size: int


class _Mount(NamedTuple):
    directory: str
    description: str
    created: float
    used: float
    uses: int
    size: int


def prune(engine: Engine, builds: Builds, wanted: Wanted) -> Pruned:
    """Records, the one that was not used for longest first, and cache mounts that no build has in use. What a
    running build has found is leased and stays on the disk for it."""
    taken.count(engine.images.store)
    rows = [row for row in builds.cache.rows() if _fits(row, wanted)]
    total = sum(row.size for row in builds.cache.rows())
    chosen: list[Row] = []
    for row in rows:
        if wanted.keep and total <= wanted.keep:
            break
        chosen.append(row)
        total -= row.size
    builds.cache.remove([row.key for row in chosen])
    mounts = _prune_mounts(engine, builds) if _takes_mounts(wanted) else []
    size = sum({row.layer: row.size for row in chosen if not row.shared}.values())
    return Pruned([row.key for row in chosen] + [one.directory for one in mounts],
                  size + sum(one.size for one in mounts))  # fmt: skip


def _takes_mounts(wanted: Wanted) -> bool:
    kinds = wanted.filters.get("type", [])
    return not wanted.keep and ("exec.cachemount" in kinds or not wanted.filters)


def _prune_mounts(engine: Engine, builds: Builds) -> list[_Mount]:
    found = [one for one in _mounts(engine) if one.directory not in builds.busy]
    for one in found:
        with engine.images.store.database.transaction() as sql:
            sql.execute("DELETE FROM cache_mounts WHERE directory = ?", (one.directory,))
        engine.images.store.discard(_path(engine, one.directory))
    return found


def _path(engine: Engine, directory: str) -> str:
    return f"{engine.settings.data_root}/build/mounts/{directory}"


def _mounts(engine: Engine) -> list[_Mount]:
    with engine.images.store.database.snapshot() as sql:
        rows = sql.execute("SELECT directory, description, created, used, uses FROM cache_mounts").fetchall()
    found = []
    for row in rows:
        path = _path(engine, row[0])
        measured = taken.measure(path) if os.path.isdir(path) else None
        found.append(_Mount._make((*row, measured.size if measured else 0)))
    return found


def _fits(row: Row, wanted: Wanted) -> bool:
    if row.shared and not wanted.all and row.kind == "regular":
        return False  # its layer is an image's, and would stay: the record costs nothing
    filters = wanted.filters
    if filters.get("label"):
        return False
    for name in ("until", "unused-for"):
        for text in filters.get(name, []):
            if row.used > _moment(text):
                return False
    kinds = filters.get("type", [])
    if kinds and row.kind not in kinds:
        return False
    identities = filters.get("id", [])
    return not identities or any(row.key.startswith(one) for one in identities)


def _moment(text: str) -> float:
    """Seconds since 1970: a duration before now, or a date."""
    bound = timestamps.bound(text, "until")
    if bound is None:
        raise InvalidArgument(f"invalid filter: until={text}")
    return bound / 1e9


def usage(engine: Engine, builds: Builds) -> list[dict[str, Any]]:
    """`BuildCache` of GET /system/df."""
    shown = [_shown(row) for row in builds.cache.rows() if row.kind != "debug"]
    for one in _mounts(engine):
        row = Row(one.directory[:25], "", None, "exec.cachemount", one.description, one.created, one.used,
                  one.uses, one.size, False)  # fmt: skip
        shown.append(_shown(row) | {"InUse": one.directory in builds.busy})
    return shown


def _shown(row: Row) -> dict[str, Any]:
    return {
        "ID": row.key[:25],
        "Parents": [row.parent[:25]] if row.parent else [],
        "Type": row.kind,
        "Description": row.description,
        "InUse": False,
        "Shared": row.shared,
        "Size": row.size,
        "CreatedAt": _text(row.created),
        "LastUsedAt": _text(row.used),
        "UsageCount": row.uses,
    }


def _text(seconds: float) -> str:
    return timestamps.text(int(seconds * 1e9))
