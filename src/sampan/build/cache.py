"""The build cache: what a step made, under a key of everything that it depends on.

A key is the digest of the step and of the keys and contents below it (`keys`). A record holds its layer as a
container would (`layer_holders`, under `cache:KEY`), so the store's own collector knows of it; a record that
goes takes its layer with it unless an image has it, too. Only what was built here is ever found: an image
that was pulled cannot plant a record (CVE-2024-24557).
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sampan.storage import taken
from sampan.storage.database import Schema
from sampan.storage.extract import Unpacked
from sampan.storage.layers import Layer, Layers, Staged
from sampan.storage.leases import Lease
from sampan.storage.store import Store
from sampan.storage.taken import Measured

SCHEMA = Schema(
    "builds",
    (
        """
        CREATE TABLE build_cache (
            key TEXT PRIMARY KEY,
            parent TEXT NOT NULL,                  -- the key below
            layer INTEGER REFERENCES layers ON DELETE CASCADE, -- NULL: the step changed nothing
            kind TEXT NOT NULL,                    -- "regular" | "source.local" | "exec.cachemount"
            description TEXT NOT NULL,
            created REAL NOT NULL,
            used REAL NOT NULL,
            uses INTEGER NOT NULL,
            unsynced TEXT                          -- boot id, while the layer may not be on the disk
        ) WITHOUT ROWID;
        CREATE INDEX build_cache_layer ON build_cache (layer);
        CREATE TABLE cache_mounts (
            directory TEXT PRIMARY KEY,            -- below build/mounts
            description TEXT NOT NULL,
            created REAL NOT NULL,
            used REAL NOT NULL,
            uses INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        # What the next step's key is made of: the same, whichever of a record's keys was found.
        "ALTER TABLE build_cache ADD COLUMN chain TEXT NOT NULL DEFAULT ''",
    ),
)
# Up to this a layer is hashed at once, so that its image has its real id from the beginning (as `commit`).
_AT_ONCE = Measured(16 << 20, 500)


class Record(NamedTuple):
    """`chain`: for the keys of what comes on top. `pending`: the layer was made just now, and its digest is
    not known yet."""

    key: str
    chain: str
    layer: int | None
    created: float  # seconds since 1970
    pending: bool = False


class Row(NamedTuple):
    """For people: `system df`, `builder prune`."""

    key: str
    parent: str
    layer: int | None
    kind: str
    description: str
    created: float
    used: float
    uses: int
    size: int
    shared: bool  # an image has the layer, too


class New(NamedTuple):
    """`directory`: a workspace with the layer in `diff`; "": the step changed nothing. `exact`: its digest
    must be known (SOURCE_DATE_EPOCH). `created`, `chain`: of a record that came from elsewhere."""

    keys: Sequence[str]
    parent: str
    description: str
    kind: str = "regular"
    directory: str = ""
    exact: bool = False
    created: float = 0.0
    chain: str = ""


class BuildCache:
    """Thread-safe, as the store is."""

    def __init__(self, store: Store, layers: Layers) -> None:
        self._store = store
        self._layers = layers
        self._boot_id = store.boot_id
        with store.database.transaction() as sql:
            gone = "SELECT key FROM build_cache WHERE unsynced IS NOT NULL AND unsynced != ?"
            for (key,) in sql.execute(gone, (self._boot_id,)).fetchall():
                _forget(sql, key)

    def find(self, keys: Sequence[str], lease: Lease) -> Record | None:
        """The first record under one of `keys`; its layer is leased."""
        for key in keys:
            with self._store.leases.lock, self._store.database.snapshot() as sql:
                row = sql.execute(
                    "SELECT build_cache.layer, created, diff_id, chain FROM build_cache"
                    " LEFT JOIN layers ON layers.id = layer WHERE key = ?",
                    (key,),
                ).fetchone()
                if row is None:
                    continue
                if row[0] is not None:
                    self._layers.has(lease, row[2])
                return Record(key, row[3], row[0], row[1])
        return None

    def touch(self, keys: Sequence[str]) -> None:
        """They were of use just now."""
        now = time.time()
        with self._store.database.transaction(durable=False) as sql:
            sql.executemany(
                "UPDATE build_cache SET used = ?, uses = uses + 1 WHERE key = ?", [(now, key) for key in keys]
            )

    def add(self, new: New, lease: Lease) -> Record:
        """The step's directory becomes a layer, and the record appears, in one commit. It is not synced: a
        record that is lost is made again, and the image on top of it is committed behind it."""
        if not new.directory:
            return self.adopt(new, "")
        staged = _staged(new, self._boot_id)
        self._layers.stage(lease, staged)
        return self.adopt(new, staged.diff_id)

    def adopt(self, new: New, diff_id: str) -> Record:
        """The same with a layer that is here, or staged, already; the caller has a lease on it. "": none."""
        created, layer = new.created or time.time(), None
        with self._store.commit_lock, contextlib.ExitStack() as undo:
            with self._store.database.transaction(durable=False) as sql:
                if diff_id:
                    layer = self._layers.commit(sql, diff_id, _mover(undo))
                self._insert(sql, new, layer, created)
            undo.pop_all()
            if diff_id:
                self._layers.committed([diff_id])
        pending = layer is not None and layer.pending
        return Record(new.keys[0], _chain(new), layer.number if layer else None, created, pending)

    def _insert(self, sql: sqlite3.Connection, new: New, layer: Layer | None, created: float) -> None:
        number = layer.number if layer else None
        for key in new.keys:
            _forget(sql, key)
            sql.execute(
                "INSERT INTO build_cache VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                (
                    key,
                    new.parent,
                    number,
                    new.kind,
                    new.description,
                    created,
                    created,
                    self._boot_id,
                    _chain(new),
                ),
            )
            if number is not None:
                self._layers.hold(sql, "cache:" + key, [number])

    def synced(self) -> None:
        """What `taken.sync` brought to the disk stays also when the machine goes down."""
        with self._store.database.transaction() as sql:
            sql.execute(
                "UPDATE build_cache SET unsynced = NULL WHERE unsynced IS NOT NULL AND (layer IS NULL"
                " OR layer IN (SELECT id FROM layers WHERE unsynced IS NULL))"
            )

    def rows(self) -> list[Row]:
        with self._store.database.snapshot() as sql:
            found = sql.execute(
                "SELECT key, parent, build_cache.layer, kind, description, created, used, uses,"
                " coalesce(size, 0), EXISTS (SELECT 1 FROM image_layers WHERE layer = build_cache.layer)"
                " FROM build_cache LEFT JOIN layers ON layers.id = build_cache.layer ORDER BY used"
            ).fetchall()
            return [Row._make((*row[:8], max(row[8], 0), bool(row[9]))) for row in found]

    def remove(self, keys: Sequence[str]) -> None:
        with self._store.commit_lock:
            with self._store.database.transaction() as sql:
                for key in keys:
                    _forget(sql, key)
            self._store.collect()


def _forget(sql: sqlite3.Connection, key: str) -> None:
    sql.execute("DELETE FROM build_cache WHERE key = ?", (key,))
    sql.execute("DELETE FROM layer_holders WHERE holder = ?", ("cache:" + key,))


def _chain(new: New) -> str:
    return new.chain or new.keys[-1]


def _staged(new: New, boot: str) -> Staged:
    path = os.path.join(new.directory, "diff")
    found = taken.measure(path, None if new.exact else _AT_ONCE)
    opaque = taken.is_opaque(path)
    if found is None:
        unpacked = Unpacked(taken.UNKNOWN, 0, opaque)
        return Staged(taken.placeholder(), new.directory, unpacked, pending=True, unsynced=boot)
    sealed = taken.hash_directory(path)
    unpacked = Unpacked(found.size, found.entries, opaque)
    return Staged(sealed.diff_id, new.directory, unpacked, tar=sealed.size, unsynced=boot)


def _mover(undo: contextlib.ExitStack) -> Callable[[str, str], None]:
    """Renames that are taken back if the commit does not happen."""

    def move(source: str, target: str) -> None:
        os.rename(source, target)
        undo.callback(os.rename, target, source)

    return move
