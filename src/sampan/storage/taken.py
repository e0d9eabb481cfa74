"""A container's upper directory becomes a layer: by a rename, whatever its size (docs/adr/0007-commit.md).

    take     the intent is on the disk (table `moves`), then the rename, and a new empty upper directory
    settle   part of the transaction in which the image appears: the layer stays where it is

`recover.give_back` undoes what `take` did, for whoever failed, or at the next start.

The diff id of a large one is a placeholder until somebody needs the real one (`seal`). Its data is as durable
as it was in the container: whoever commits syncs it behind the answer.
"""

import contextlib
import hashlib
import os
import secrets
import sqlite3
import stat
import threading
from typing import NamedTuple

from sampan.errors import Cancelled
from sampan.linux import fsattr
from sampan.storage.leases import Lease
from sampan.storage.pack import pack_path
from sampan.storage.recover import give_back
from sampan.storage.store import Store

UNKNOWN = -1  # the size of a layer that nobody has counted yet


class Taken(NamedTuple):
    number: int
    diff_id: str  # a placeholder
    source: str


class Known(NamedTuple):
    """What is known of a layer that is not unpacked from anything."""

    diff_id: str
    size: int = UNKNOWN
    pending: bool = True  # the diff id is a placeholder
    tar: int | None = None  # bytes of its tar


class Measured(NamedTuple):
    size: int  # bytes of regular files
    entries: int


def placeholder() -> str:
    """Looks like a diff id, and is none."""
    return "sha256:" + secrets.token_hex(32)


def take(store: Store, lease: Lease, source: str, known: Known, boot_id: str) -> Taken:
    """`source`: absolute, below the data root; nobody uses it. Leased until the image is there."""
    with store.leases.lock:
        with store.database.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO layers (diff_id, size, opaque, pending, tar, unsynced)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (known.diff_id, known.size, int(is_opaque(source)), int(known.pending), known.tar, boot_id),
            )
            number = int(cursor.lastrowid or 0)
            sql.execute("INSERT INTO moves VALUES (?, ?)", (number, os.path.relpath(source, store.root)))
        lease.hold("layer:" + known.diff_id)
    taken = Taken(number, known.diff_id, source)
    try:
        os.mkdir(store.path("layers", str(number)), 0o700)
        os.rename(source, store.layer_path(number))
        _renew(store.layer_path(number), source)
    except BaseException:
        give_back(store.root, store.database, number, source)
        raise
    return taken


def _renew(old: str, new: str) -> None:
    """An empty directory that looks as the old one did: it is the container's root."""
    status = os.stat(old)
    os.mkdir(new, 0o700)
    os.chown(new, status.st_uid, status.st_gid)
    os.chmod(new, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(old):
        if not name.startswith("trusted.overlay.") or name == "trusted.overlay.opaque":
            with contextlib.suppress(OSError):
                os.setxattr(new, name, os.getxattr(old, name))
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))


def settle(sql: sqlite3.Connection, taken: Taken) -> None:
    sql.execute("DELETE FROM moves WHERE layer = ?", (taken.number,))


def sync(store: Store) -> None:
    """Everything that was committed so far is on the disk afterwards, and known to be."""
    with store.database.snapshot() as sql:
        rows = sql.execute("SELECT id FROM layers WHERE unsynced IS NOT NULL").fetchall()
    if not rows:
        return
    fsattr.syncfs(store.root)
    with store.database.transaction() as sql:
        sql.executemany("UPDATE layers SET unsynced = NULL WHERE id = ?", [tuple(row) for row in rows])


def measure(path: str, limit: Measured | None = None) -> Measured | None:
    """Size and number of what is below; None if it is more than `limit`."""
    size = entries = 0
    stack = [path]
    while stack:
        with os.scandir(stack.pop()) as found:
            for entry in found:
                entries += 1
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                elif not entry.is_symlink():
                    size += entry.stat(follow_symlinks=False).st_size
                if limit is not None and (entries > limit.entries or size > limit.size):
                    return None
    return Measured(size, entries)


def count(store: Store) -> None:
    """Give their sizes to the layers that have none, and to their images."""
    with store.database.snapshot() as sql:
        rows = sql.execute("SELECT id FROM layers WHERE size < 0").fetchall()
    for (number,) in rows:
        found = measure(store.layer_path(number))
        assert found is not None
        with store.database.transaction() as sql:
            sql.execute("UPDATE layers SET size = ? WHERE id = ?", (found.size, number))
            sql.execute(
                "UPDATE images SET size = (SELECT sum(layers.size) FROM image_layers JOIN layers"
                " ON layers.id = layer WHERE image = images.id)"
                " WHERE id IN (SELECT image FROM image_layers WHERE layer = ?)",
                (number,),
            )


class Sealed(NamedTuple):
    diff_id: str
    size: int  # bytes of the tar


def hash_directory(path: str, cancelled: threading.Event | None = None) -> Sealed:
    hashed, size = hashlib.sha256(), 0
    for chunk in pack_path(path):
        if cancelled is not None and cancelled.is_set():
            raise Cancelled("context canceled")
        hashed.update(chunk)
        size += len(chunk)
    return Sealed("sha256:" + hashed.hexdigest(), size)


def is_opaque(path: str) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False
