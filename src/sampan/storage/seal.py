"""The real diff ids of layers that were committed with a placeholder (docs/adr/0007-commit.md).

The directory of a layer never changes, so its tar, and with it the diff id, can be computed whenever somebody
needs it. All images that have the layer get the right configuration at once, and with it their id: its
digest, as for any other image. They are found under the one that was told when they were made, too.
"""

import sqlite3
import threading
from collections.abc import Sequence

from sampan.oci import digest as digests
from sampan.storage import naming
from sampan.storage.layers import Layer
from sampan.storage.store import Store
from sampan.storage.taken import Sealed, hash_directory


def seal(store: Store, layers: Sequence[Layer], cancelled: threading.Event) -> None:
    """Nothing to do for layers that are not pending. The caller sees to it that they stay (a lease)."""
    for layer in layers:
        if layer.pending:
            with store.flights.alone(f"seal:{layer.number}", cancelled):
                if _is_pending(store, layer.number):
                    _record(store, layer, hash_directory(store.layer_path(layer.number), cancelled))


def seal_all(store: Store, cancelled: threading.Event) -> None:
    """Of every image that was committed in a hurry."""
    with store.leased() as lease:
        with store.leases.lock, store.database.snapshot() as sql:
            rows = sql.execute(
                "SELECT id, diff_id, size, opaque FROM layers"
                " WHERE pending AND id IN (SELECT layer FROM image_layers)"
            ).fetchall()
            for row in rows:
                lease.hold("layer:" + row["diff_id"])
        seal(store, [Layer(row[0], row[1], row[2], bool(row[3]), pending=True) for row in rows], cancelled)


def _is_pending(store: Store, number: int) -> bool:
    with store.database.snapshot() as sql:
        row = sql.execute("SELECT pending FROM layers WHERE id = ?", (number,)).fetchone()
        return row is not None and bool(row[0])


def _record(store: Store, layer: Layer, sealed: Sealed) -> None:
    with store.commit_lock, store.database.transaction() as sql:
        users = sql.execute("SELECT image FROM image_layers WHERE layer = ?", (layer.number,)).fetchall()
        twin = sql.execute("SELECT id FROM layers WHERE diff_id = ?", (sealed.diff_id,)).fetchone()
        if twin is None:
            sql.execute(
                "UPDATE layers SET diff_id = ?, tar = ?, pending = 0 WHERE id = ?",
                (sealed.diff_id, sealed.size, layer.number),
            )
        else:  # the same content came in another way: images share it, a container keeps its own
            sql.execute("UPDATE image_layers SET layer = ? WHERE layer = ?", (twin[0], layer.number))
        for (image,) in users:
            _correct(sql, image, layer.diff_id, sealed.diff_id)


def _correct(sql: sqlite3.Connection, image: str, placeholder: str, diff_id: str) -> None:
    """A placeholder is 256 random bits: it stands in the configuration where the diff id belongs, only."""
    config = bytes(sql.execute("SELECT config FROM images WHERE id = ?", (image,)).fetchone()[0])
    config = config.replace(placeholder.encode(), diff_id.encode())
    sql.execute("UPDATE images SET config = ? WHERE id = ?", (config, image))
    left = sql.execute(
        "SELECT count(*) FROM image_layers JOIN layers ON layers.id = layer WHERE image = ? AND pending",
        (image,),
    ).fetchone()[0]
    if not left and digests.of(config) != image:
        naming.rename(sql, image, config)
