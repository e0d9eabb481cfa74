"""Records of images: what an image is made of, its names, and the one commit that makes all of it true."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sampan.linux import fsattr
from sampan.oci import digest as digests
from sampan.storage import naming
from sampan.storage.layers import Layer, Layers
from sampan.storage.store import Store

_HOST, _ON_HOST = 1, 2  # the column `host`
_BY_ANY_ID = (
    "SELECT * FROM images WHERE id = ?1"
    " OR id = (SELECT image FROM config_names WHERE digest = ?1) ORDER BY id != ?1"
)


class Blob(NamedTuple):
    """A blob of an image: staged in ingest, or in the store already."""

    digest: str
    size: int
    diff_id: str | None = None


class NewImage(NamedTuple):
    config: bytes
    created: float  # seconds since 1970
    diff_ids: Sequence[str]
    blobs: Sequence[Blob]  # layers, manifest and index as they came; the configuration is added
    on_host: bool = False  # below its layers is the machine itself


class Row(NamedTuple):
    """An image as the database has it."""

    id: str
    config: bytes
    created: float
    size: int
    tagged: float
    layers: list[Layer]  # bottom first
    tags: list[tuple[str, str]]  # canonical repository, tag
    digests: list[tuple[str, str]]  # canonical repository, digest
    host: bool = False  # the machine itself
    on_host: bool = False  # made of a container of `host`: the machine is below its layers


class ImageRecords:
    def __init__(self, store: Store, layers: Layers) -> None:
        self._store = store
        self._layers = layers

    # Writing

    def commit(
        self,
        image: NewImage,
        tags: Iterable[tuple[str, str]] = (),
        names: Iterable[tuple[str, str]] = (),
        *,
        also: Callable[[sqlite3.Connection, list[Layer]], None] | None = None,
    ) -> str:
        """Layers and blobs move from ingest into place, and the image with its names appears, all or nothing.

        The caller holds a lease on all of them. Returns the image's id. `also`: more of the same transaction.
        It is not synced where there is nothing but the configuration, which the database has, too, or where a
        layer comes into the database with it that says itself that it may not be on the disk yet: whoever
        commits calls `taken.sync` behind the answer.
        """
        store, digest = self._store, digests.of(image.config)
        image_id = self.known_as(digest)
        blobs = [*image.blobs, Blob(digest, len(image.config))]
        with contextlib.ExitStack() as failed, store.commit_lock:
            if not store.blobs.has(digest):
                failed.callback(store.blobs.stage(digest, image.config).discard)
            sync = bool(image.blobs) and not any(map(self._layers.is_new, image.diff_ids))
            if sync:
                fsattr.syncfs(store.root)
            with contextlib.ExitStack() as undo:
                move = _mover(undo)
                with store.database.transaction() as sql:
                    layers = [self._layers.commit(sql, diff_id, move) for diff_id in image.diff_ids]
                    self._commit_blobs(sql, blobs, move)
                    if sync:
                        for directory in ("layers", "blobs/sha256", "ingest"):
                            fsattr.fsync_directory(store.path(directory))
                    self._insert(sql, image_id, image, layers, blobs)
                    self._name(sql, image_id, tags, names)
                    if also is not None:
                        also(sql, layers)
                undo.pop_all()
            failed.pop_all()
            self._layers.committed(list(image.diff_ids))
        return image_id

    def again(self, config: bytes, tags: Iterable[tuple[str, str]]) -> str | None:
        """The id of the image with that configuration, if it is here under all those names: made once more,
        nothing about it is new but the time."""
        image_id = self.known_as(digests.of(config))
        with self._store.database.transaction(durable=False) as sql:
            for repository, tag in tags:
                query = "SELECT image FROM tags WHERE repository = ? AND tag = ?"
                row = sql.execute(query, (repository, tag)).fetchone()
                if row is None or row[0] != image_id:
                    return None
            found = sql.execute("UPDATE images SET tagged = ? WHERE id = ?", (time.time(), image_id))
            return image_id if found.rowcount else None

    def _commit_blobs(
        self, sql: sqlite3.Connection, blobs: Iterable[Blob], move: Callable[[str, str], None]
    ) -> None:
        for blob in blobs:
            ingest, place = (
                self._store.blobs.ingest(blob.digest, blob.size),
                self._store.blobs.path(blob.digest),
            )
            if not os.path.exists(place):
                move(ingest.path, place)
            sql.execute(
                "INSERT INTO blobs (digest, size, diff_id) VALUES (?, ?, ?)"
                " ON CONFLICT (digest) DO UPDATE SET diff_id = coalesce(diff_id, excluded.diff_id)",
                blob,
            )

    @staticmethod
    def _insert(
        sql: sqlite3.Connection, image_id: str, image: NewImage, layers: list[Layer], blobs: list[Blob]
    ) -> None:
        size = sum(max(layer.size, 0) for layer in layers)
        sql.execute(
            "INSERT INTO images (id, config, created, size, tagged, host) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET tagged = excluded.tagged",
            (image_id, image.config, image.created, size, time.time(), _ON_HOST if image.on_host else 0),
        )
        rows = [(image_id, position, layer.number) for position, layer in enumerate(layers)]
        sql.executemany("INSERT OR IGNORE INTO image_layers VALUES (?, ?, ?)", rows)
        sql.executemany(
            "INSERT OR IGNORE INTO image_blobs VALUES (?, ?)", [(image_id, blob.digest) for blob in blobs]
        )

    @staticmethod
    def _name(
        sql: sqlite3.Connection,
        image_id: str,
        tags: Iterable[tuple[str, str]],
        names: Iterable[tuple[str, str]],
    ) -> None:
        sql.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", [(*tag, image_id) for tag in tags])
        sql.executemany(
            "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", [(*name, image_id) for name in names]
        )

    def host(self) -> str | None:
        """The id of the image that is the machine itself, once there is one."""
        return self._one(f"SELECT id FROM images WHERE host = {_HOST}")

    def add_host(self, config: bytes, created: float) -> None:
        row = (digests.of(config), config, created, created)
        with self._store.database.transaction() as sql:
            sql.execute(
                "INSERT INTO images (id, config, created, size, tagged, host) VALUES (?, ?, ?, 0, ?, ?)",
                (*row, _HOST),
            )

    def tag(self, image_id: str, repository: str, tag: str) -> bool:
        """False: there is no such image any more."""
        with self._store.database.transaction() as sql:
            current = _current(sql, image_id)
            if current is None:
                return False
            self._name(sql, current, [(repository, tag)], ())
            sql.execute("UPDATE images SET tagged = ? WHERE id = ?", (time.time(), current))
        return True

    def add_digest(self, image_id: str, repository: str, digest: str) -> bool:
        """False: there is no such image any more."""
        with self._store.database.transaction() as sql:
            current = _current(sql, image_id)
            if current is None:
                return False
            self._name(sql, current, (), [(repository, digest)])
        return True

    def untag(self, image_id: str, tags: Iterable[tuple[str, str]], names: Iterable[tuple[str, str]]) -> None:
        with self._store.database.transaction() as sql:
            for repository, tag in tags:
                sql.execute(
                    "DELETE FROM tags WHERE repository = ? AND tag = ? AND image = ?",
                    (repository, tag, image_id),
                )
            for repository, digest in names:
                sql.execute(
                    "DELETE FROM digests WHERE repository = ? AND digest = ? AND image = ?",
                    (repository, digest, image_id),
                )

    def delete(self, image_id: str) -> list[str]:
        """The image with all its names, and what nobody else needs: the diff ids of layers that are gone."""
        with self._store.commit_lock:
            with self._store.database.transaction() as sql:
                for table in ("tags", "digests"):
                    sql.execute(f"DELETE FROM {table} WHERE image = ?", (image_id,))
                sql.execute("DELETE FROM images WHERE id = ?", (image_id,))
            return self._store.collect()[0]

    # Reading

    def all(self) -> list[Row]:
        with self._store.database.snapshot() as sql:
            return [_row(sql, found) for found in sql.execute("SELECT * FROM images").fetchall()]

    def get(self, image_id: str) -> Row | None:
        with self._store.database.snapshot() as sql:
            found = sql.execute(_BY_ANY_ID, (image_id,)).fetchone()
            return _row(sql, found) if found else None

    def known_as(self, config_digest: str) -> str:
        """The id of an image with that configuration: the digest, unless an earlier version of this program
        gave it another one for good."""
        return self.id_of(config_digest)

    def by_tag(self, repository: str, tag: str) -> str | None:
        return self._one("SELECT image FROM tags WHERE repository = ? AND tag = ?", repository, tag)

    def by_digest(self, repository: str, digest: str) -> str | None:
        return self._one("SELECT image FROM digests WHERE repository = ? AND digest = ?", repository, digest)

    def by_prefix(self, hexadecimal: str) -> list[str]:
        """Ids that begin so; at most two, since more than one is as good as many."""
        low, high = "sha256:" + hexadecimal, "sha256:" + hexadecimal + "g"
        with self._store.database.snapshot() as sql:
            rows = sql.execute(
                "SELECT id FROM images WHERE id >= ?1 AND id < ?2 UNION SELECT image FROM config_names"
                " WHERE digest >= ?1 AND digest < ?2 AND image IN (SELECT id FROM images) LIMIT 2",
                (low, high),
            )
            return [row[0] for row in rows]

    def id_of(self, image_id: str) -> str:
        """By now: an image that was committed in a hurry was told another one (`storage.naming`)."""
        return self._one("SELECT image FROM config_names WHERE digest = ?", image_id) or image_id

    def ids_of(self, image_id: str) -> set[str]:
        """All that it was ever told."""
        with self._store.database.snapshot() as sql:
            rows = sql.execute("SELECT digest FROM config_names WHERE image = ?", (image_id,))
            return {image_id, *(row[0] for row in rows)}

    def aliases(self) -> dict[str, str]:
        with self._store.database.snapshot() as sql:
            return naming.aliases(sql)

    def blob_for(self, diff_id: str) -> Blob | None:
        """Some blob that unpacks to that layer."""
        with self._store.database.snapshot() as sql:
            row = sql.execute(
                "SELECT digest, size, diff_id FROM blobs WHERE diff_id = ?", (diff_id,)
            ).fetchone()
            return Blob(*row) if row else None

    def diff_id_of(self, digest: str) -> str | None:
        """What a blob that is here unpacks to."""
        return self._one("SELECT diff_id FROM blobs WHERE digest = ?", digest)

    def layers_size(self) -> int:
        """Bytes of all layers together, each once."""
        with self._store.database.snapshot() as sql:
            return int(sql.execute("SELECT coalesce(sum(max(size, 0)), 0) FROM layers").fetchone()[0])

    def blobs_for(self, diff_id: str) -> list[Blob]:
        """All blobs that unpack to that layer."""
        with self._store.database.snapshot() as sql:
            rows = sql.execute("SELECT digest, size, diff_id FROM blobs WHERE diff_id = ?", (diff_id,))
            return [Blob(*row) for row in rows]

    def repositories_with(self, digest: str) -> list[str]:
        """Canonical names under which an image with that blob is known by its manifest."""
        with self._store.database.snapshot() as sql:
            rows = sql.execute(
                "SELECT DISTINCT repository FROM digests"
                " JOIN image_blobs ON image_blobs.image = digests.image"
                " WHERE image_blobs.digest = ? ORDER BY repository",
                (digest,),
            )
            return [row[0] for row in rows]

    def add_blob(self, image_id: str, blob: Blob) -> None:
        """One more blob of an image, from ingest: it is on the disk and leased. Of an image that is gone
        meanwhile it is nobody's, and is collected once the lease ends."""
        with self._store.commit_lock, contextlib.ExitStack() as undo:
            move = _mover(undo)
            with self._store.database.transaction() as sql:
                self._commit_blobs(sql, [blob], move)
                fsattr.fsync_directory(self._store.path("blobs/sha256"))
                current = _current(sql, image_id)
                if current is not None:
                    sql.execute("INSERT OR IGNORE INTO image_blobs VALUES (?, ?)", (current, blob.digest))
            undo.pop_all()

    def blobs_of(self, image_id: str) -> list[Blob]:
        with self._store.database.snapshot() as sql:
            rows = sql.execute(
                "SELECT digest, size, diff_id FROM image_blobs JOIN blobs USING (digest) WHERE image = ?",
                (_current(sql, image_id),),
            )
            return [Blob(*row) for row in rows]

    def _one(self, query: str, *arguments: str) -> str | None:
        with self._store.database.snapshot() as sql:
            row = sql.execute(query, arguments).fetchone()
            return row[0] if row else None


def _current(sql: sqlite3.Connection, image_id: str) -> str | None:
    """The id that it has now: it may have got its last one since the caller was told. None: it is gone."""
    found = sql.execute(_BY_ANY_ID, (image_id,)).fetchone()
    return found["id"] if found else None


def _row(sql: sqlite3.Connection, found: sqlite3.Row) -> Row:
    image_id = found["id"]
    layers = sql.execute(
        "SELECT layers.id, diff_id, size, opaque, pending FROM image_layers JOIN layers ON layers.id = layer"
        " WHERE image = ? ORDER BY position",
        (image_id,),
    )
    tags = sql.execute("SELECT repository, tag FROM tags WHERE image = ?", (image_id,))
    names = sql.execute("SELECT repository, digest FROM digests WHERE image = ?", (image_id,))
    return Row(
        image_id,
        found["config"],
        found["created"],
        found["size"],
        found["tagged"],
        [Layer(row[0], row[1], row[2], bool(row[3]), bool(row[4])) for row in layers],
        [(row[0], row[1]) for row in tags],
        [(row[0], row[1]) for row in names],
        found["host"] == _HOST,
        found["host"] == _ON_HOST,
    )


def _mover(undo: contextlib.ExitStack) -> Callable[[str, str], None]:
    """Renames that are taken back if the commit does not happen."""

    def move(source: str, target: str) -> None:
        os.rename(source, target)
        undo.callback(os.rename, target, source)

    return move
