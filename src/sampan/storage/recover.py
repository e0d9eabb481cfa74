"""Commits that did not come to their end: undone at the next start, before anybody looks at the layers."""

import contextlib
import logging
import os

from sampan.oci import digest as digests
from sampan.storage.blobs import Blobs
from sampan.storage.database import Database

_log = logging.getLogger(__name__)


def give_back(root: str, database: Database, number: int, source: str) -> None:
    """As before `take`; may be repeated."""
    layer = os.path.join(root, "layers", str(number))
    place = os.path.join(layer, "diff")
    if os.path.isdir(place):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(source)
        os.rename(place, source)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(layer)
    with database.transaction() as sql:
        sql.execute("DELETE FROM moves WHERE layer = ?", (number,))
        sql.execute("DELETE FROM layers WHERE id = ?", (number,))


def recover(root: str, database: Database) -> None:
    """At the start, before anybody looks at the layers."""
    with database.snapshot() as sql:
        rows = sql.execute("SELECT layer, source FROM moves").fetchall()
    for number, source in rows:
        _log.warning("a commit was interrupted: %s goes back to its container", source)
        give_back(root, database, number, os.path.join(root, source))


def drop_unsynced(database: Database, boot_id: str) -> None:
    """Images whose newest layer may not have reached the disk when the machine went down. The layer itself
    stays where a container needs it, as it is."""
    with database.transaction() as sql:
        lost = "SELECT id FROM layers WHERE unsynced IS NOT NULL AND unsynced != ?"
        users = f"SELECT image FROM image_layers WHERE layer IN ({lost})"
        for table, column in (("tags", "image"), ("digests", "image"), ("images", "id")):
            dropped = sql.execute(f"DELETE FROM {table} WHERE {column} IN ({users})", (boot_id,))
            if table == "images" and dropped.rowcount:
                _log.error("%d images were not on the disk when the machine stopped", dropped.rowcount)
        sql.execute("UPDATE layers SET unsynced = NULL WHERE unsynced != ?", (boot_id,))


def restore_configs(blobs: Blobs, database: Database) -> None:
    """A commit and a build do not sync the file of the configuration: the database has it, too."""
    with database.snapshot() as sql:
        rows = sql.execute(
            "SELECT digest, blobs.size, config FROM images JOIN image_blobs ON image = images.id"
            " JOIN blobs USING (digest) WHERE blobs.size = length(config)"
        ).fetchall()
    for digest, size, config in rows:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(blobs.path(digest)).st_size == size:
                continue
        if digests.of(config) == digest:
            os.rename(blobs.stage(digest, config).path, blobs.path(digest))
