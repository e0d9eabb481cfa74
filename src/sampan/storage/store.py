"""The data root: where things lie, and what is put right when a daemon starts.

    blobs/sha256/HEX   verified; listed in the table `blobs`
    layers/N/diff      unpacked; N is the row of the table `layers`
    ingest/…           on the way in: blob-HEX (resumable), unpack-…, load-…
    trash/…            on the way out

Order of a commit: data → renames → database → syncfs. A crash before the third step leaves things that no
row knows of; `_clean` finds them. Until the last one the new layers carry the boot id (`layers.unsynced`):
when the machine goes down meanwhile, their images are dropped at the next start, whole. An image that brings
no new layer is synced before its row appears. Removing goes the other way round: first the row, then the
thing.
"""

import contextlib
import itertools
import logging
import os
import queue
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

from sampan.linux import fsattr
from sampan.storage import recover
from sampan.storage.blobs import Blobs
from sampan.storage.database import Database
from sampan.storage.leases import Flights, Lease, Leases
from sampan.storage.remove import remove_tree

_log = logging.getLogger(__name__)
_RESERVE = 64 << 20  # bytes that a pull leaves free, for the database and for logs
_PARTIAL_AGE = 7 * 24 * 3600  # seconds after which nobody will resume a download


class Store:
    def __init__(self, root: str, database: Database) -> None:
        self.root = root
        self.database = database
        self.boot_id = _boot_id()
        self.leases = Leases()
        self.flights = Flights()
        self.commit_lock = threading.RLock()  # one image at a time moves in or out
        self.blobs = Blobs(self.path("blobs", "sha256"), self.path("ingest"))
        self._trash: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)
        self._behind: set[threading.Thread] = set()
        self.closing = threading.Event()

    @classmethod
    def open(cls, data_root: str, database: Database) -> "Store":
        """Makes what is missing, removes what an interrupted run left, and starts to empty the trash."""
        store = cls(data_root, database)
        for name in ("blobs", "blobs/sha256", "ingest", "layers", "trash"):
            os.makedirs(store.path(name), mode=0o700, exist_ok=True)
        for name in ("ingest", "layers", "trash"):
            fsattr.set_topdir(store.path(name))
        store._clean()
        store._sweeper.start()
        return store

    def close(self) -> None:
        """Waits until the trash is empty, and for what goes on behind answers."""
        self.closing.set()
        for thread in list(self._behind):
            thread.join()
        self._trash.put(None)
        self._sweeper.join()

    def behind(self, work: Callable[["Store"], None]) -> None:
        """Runs on a thread of its own; nobody waits for it but `close`."""

        def run() -> None:
            try:
                work(self)
            finally:
                self._behind.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="behind", daemon=True)
        self._behind.add(thread)
        thread.start()

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def layer_path(self, number: int) -> str:
        return self.path("layers", str(number), "diff")

    def empty_directory(self) -> str:
        """The lower directory of images without layers."""
        path = self.path("layers", "0", "diff")  # no row has the number 0
        os.makedirs(path, mode=0o755, exist_ok=True)
        return path

    def workspace(self, prefix: str) -> str:
        """A new directory in ingest."""
        return tempfile.mkdtemp(prefix=prefix + "-", dir=self.path("ingest"))

    def free(self) -> int:
        """Bytes that may still be written here."""
        status = os.statvfs(self.root)
        return max(0, status.f_bavail * status.f_frsize - _RESERVE)

    def discard(self, path: str) -> None:
        """Gone at once by name; the deleting is done in the background."""
        target = self.path("trash", f"{time.time_ns():x}-{next(self._numbers)}")
        try:
            os.rename(path, target)
        except FileNotFoundError:
            return
        self._trash.put(target)

    def _sweep(self) -> None:
        while (path := self._trash.get()) is not None:
            try:
                remove_tree(path)
            except OSError as error:
                _log.warning("cannot delete %s: %s", path, error)

    # What an interrupted run left behind

    def _clean(self) -> None:
        for entry in os.scandir(self.path("trash")):
            self._trash.put(entry.path)
        recover.recover(self.root, self.database)
        recover.drop_unsynced(self.database, self.boot_id)
        recover.restore_configs(self.blobs, self.database)
        self._clean_ingest()
        self._drop_broken_images()
        self._clean_layers()
        self._clean_blobs()

    def _clean_ingest(self) -> None:
        for entry in os.scandir(self.path("ingest")):
            old = time.time() - entry.stat(follow_symlinks=False).st_mtime > _PARTIAL_AGE
            if old or not entry.name.startswith("blob-"):
                self.discard(entry.path)

    def _drop_broken_images(self) -> None:
        """An image whose layer is gone from the disk is worse than none: without its row, a pull makes it
        again."""
        present = set(os.listdir(self.path("layers")))
        with self.database.transaction() as sql:
            for (number,) in sql.execute("SELECT id FROM layers").fetchall():
                if str(number) in present:
                    continue
                users = "SELECT image FROM image_layers WHERE layer = ?"
                _log.error("layer %d is missing; the images that use it are dropped", number)
                sql.execute(f"DELETE FROM tags WHERE image IN ({users})", (number,))
                sql.execute(f"DELETE FROM digests WHERE image IN ({users})", (number,))
                sql.execute(f"DELETE FROM images WHERE id IN ({users})", (number,))
                sql.execute("DELETE FROM layer_holders WHERE layer = ?", (number,))
                sql.execute("DELETE FROM layers WHERE id = ?", (number,))

    def _clean_layers(self) -> None:
        self.collect()
        with self.database.snapshot() as sql:
            known = {str(number) for (number,) in sql.execute("SELECT id FROM layers")}
        for name in set(os.listdir(self.path("layers"))) - known - {"0"}:
            self.discard(self.path("layers", name))

    def _clean_blobs(self) -> None:
        with self.database.snapshot() as sql:
            known = {digest[7:] for (digest,) in sql.execute("SELECT digest FROM blobs")}
        for name in set(os.listdir(self.path("blobs", "sha256"))) - known:
            os.unlink(self.path("blobs", "sha256", name))

    # Collecting

    def collect(self) -> tuple[list[str], int]:
        """Remove layers and blobs that no image, container or lease needs: (diff ids of the layers,
        bytes)."""
        with self.commit_lock, self.leases.lock:
            self.leases.passed_over = False
            layers, blobs = self._forget_unneeded()
            # First the row, then the thing; and both before anybody can look for it again.
            for row in layers:
                self.discard(self.path("layers", str(row["id"])))
            for row in blobs:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.blobs.path(row["digest"]))
        size = sum(row["size"] for row in layers) + sum(row["size"] for row in blobs)
        return [row["diff_id"] for row in layers], size

    @contextlib.contextmanager
    def leased(self) -> Iterator[Lease]:
        """A lease, and afterwards what was removed meanwhile goes. Calm, unlike `leases.open`."""
        try:
            with self.leases.open() as lease:
                yield lease
        finally:
            self.collect_rest()

    def collect_rest(self) -> None:
        """After a lease has ended: what was removed meanwhile, and stayed for its sake only."""
        if self.leases.passed_over:
            self.collect()

    def _needed(self, key: str) -> bool:
        if not self.leases.holds(key):
            return False
        self.leases.passed_over = True
        return True

    def _forget_unneeded(self) -> tuple[list[sqlite3.Row], list[sqlite3.Row]]:
        with self.database.transaction() as sql:
            layers = [
                row
                for row in sql.execute(
                    "SELECT id, diff_id, size FROM layers WHERE id NOT IN (SELECT layer FROM image_layers)"
                    " AND id NOT IN (SELECT layer FROM layer_holders)"
                ).fetchall()
                if not self._needed("layer:" + row["diff_id"])
            ]
            blobs = [
                row
                for row in sql.execute(
                    "SELECT digest, size FROM blobs WHERE digest NOT IN (SELECT digest FROM image_blobs)"
                ).fetchall()
                if not self._needed("blob:" + row["digest"])
            ]
            sql.executemany("DELETE FROM layers WHERE id = ?", [(row["id"],) for row in layers])
            sql.executemany("DELETE FROM blobs WHERE digest = ?", [(row["digest"],) for row in blobs])
        return layers, blobs


def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
