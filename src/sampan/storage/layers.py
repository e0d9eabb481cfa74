"""Layers by diff id: unpacked once, shared by every image, and by pulls that run at the same time.

A layer that was just unpacked is *staged*: it lies in ingest, leased by the operations that need it. The
first image that is committed with it gives it its number. An operation that fails lets go of it; with the
last one it is gone.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.errors import Internal, InvalidArgument
from sampan.storage.buffer import Buffer, Truncated
from sampan.storage.decompress import Ratio, decompress
from sampan.storage.extract import Unpacked, extract
from sampan.storage.leases import Lease
from sampan.storage.store import Store
from sampan.storage.tar import Limits


class Layer(NamedTuple):
    number: int
    diff_id: str
    size: int
    opaque: bool
    pending: bool = False  # the diff id is a placeholder (storage.taken)


class Staged(NamedTuple):
    diff_id: str
    directory: str  # in ingest; the layer is in `diff` below
    unpacked: Unpacked
    pending: bool = False
    tar: int | None = None  # bytes
    unsynced: str | None = None  # boot id


class Layers:
    def __init__(self, store: Store, ratio: Ratio = Ratio()) -> None:  # noqa: B008 (immutable)
        self._store = store
        self._ratio = ratio
        self._staged: dict[str, Staged] = {}

    def find(self, diff_id: str) -> Layer | None:
        with self._store.database.snapshot() as sql:
            return self._find(sql, diff_id)

    def tar_size(self, number: int) -> int | None:
        """Bytes of the tar of a layer, for one that has no blob."""
        with self._store.database.snapshot() as sql:
            row = sql.execute("SELECT tar FROM layers WHERE id = ?", (number,)).fetchone()
            return row[0] if row else None

    def numbered(self, number: int) -> Layer | None:
        with self._store.database.snapshot() as sql:
            row = sql.execute("SELECT diff_id FROM layers WHERE id = ?", (number,)).fetchone()
            return self._find(sql, row[0]) if row else None

    @staticmethod
    def _find(sql: sqlite3.Connection, diff_id: str) -> Layer | None:
        row = sql.execute(
            "SELECT id, diff_id, size, opaque, pending FROM layers WHERE diff_id = ?", (diff_id,)
        ).fetchone()
        return Layer(row[0], row[1], row[2], bool(row[3]), bool(row[4])) if row else None

    def has(self, lease: Lease, diff_id: str) -> bool:
        """Whether the layer is here, committed or staged; from then on it is leased."""
        with self._store.leases.lock:
            if diff_id not in self._staged and self.find(diff_id) is None:
                return False
            lease.hold("layer:" + diff_id, lambda: self._let_go(diff_id))
            return True

    def unpack(
        self, lease: Lease, chunks: Iterator[bytes], diff_id: str | None, *, verified: bool = False
    ) -> str:
        """Unpack a layer from its (compressed) `chunks` and stage it: its diff id.

        The caller is alone on it (`Flights`). Raises InvalidArgument if the tar does not have the given
        `diff_id`; whatever is raised, nothing is left. `verified`: `chunks` are that tar, which the caller
        has just hashed himself.
        """
        directory = self._store.workspace("unpack")
        try:
            hashed = _Hashed()
            os.mkdir(os.path.join(directory, "diff"))
            plain = hashed.counting(chunks) if verified else hashed.passing(decompress(chunks, self._ratio))
            limits = Limits(total=self._store.free())
            unpacked = extract(Buffer(plain), os.path.join(directory, "diff"), limits)
            for _ in chunks:  # to the end, where the digest of the blob is verified
                pass
            found = diff_id if verified and diff_id else _checked(hashed.digest, diff_id)
            boot = self._store.boot_id
            self.stage(lease, Staged(found, directory, unpacked, tar=hashed.size, unsynced=boot))
        except OSError as error:  # the disk: full, read-only, broken
            self._store.discard(directory)
            raise Internal(f"failed to register layer: {(error.strerror or str(error)).lower()}") from error
        except Truncated as error:
            self._store.discard(directory)
            raise InvalidArgument(f"failed to register layer: {error}") from error
        except BaseException:
            self._store.discard(directory)
            raise
        return found

    def stage(self, lease: Lease, staged: Staged) -> None:
        with self._store.leases.lock:
            if self.has(lease, staged.diff_id):  # an archive may hold the same layer twice
                self._store.discard(staged.directory)
                return
            self._staged[staged.diff_id] = staged
            lease.hold("layer:" + staged.diff_id, lambda: self._let_go(staged.diff_id))

    def _let_go(self, diff_id: str) -> None:
        staged = self._staged.pop(diff_id, None)
        if staged is not None:
            self._store.discard(staged.directory)

    def is_new(self, diff_id: str) -> bool:
        """Staged, and not on the disk yet: its row will say so."""
        with self._store.leases.lock:
            staged = self._staged.get(diff_id)
            return staged is not None and staged.unsynced is not None

    def commit(self, sql: sqlite3.Connection, diff_id: str, moved: Callable[[str, str], None]) -> Layer:
        """The layer, given its row and its place if it is still staged. `moved(from, to)` does the
        renaming."""
        found = self._find(sql, diff_id)
        if found is not None:
            return found
        staged = self._staged[diff_id]
        cursor = sql.execute(
            "INSERT INTO layers (diff_id, size, opaque, pending, tar, unsynced) VALUES (?, ?, ?, ?, ?, ?)",
            (
                diff_id,
                staged.unpacked.size,
                int(staged.unpacked.opaque),
                int(staged.pending),
                staged.tar,
                staged.unsynced,
            ),
        )
        number = int(cursor.lastrowid or 0)
        moved(staged.directory, self._store.path("layers", str(number)))
        return Layer(number, diff_id, staged.unpacked.size, staged.unpacked.opaque, staged.pending)

    def committed(self, diff_ids: list[str]) -> None:
        """They have moved to their places and are in the database now."""
        with self._store.leases.lock:
            for diff_id in diff_ids:
                self._staged.pop(diff_id, None)

    @staticmethod
    def hold(sql: sqlite3.Connection, holder: str, numbers: list[int]) -> None:
        """A container needs these layers; part of the transaction that creates it."""
        rows = [(holder, number) for number in numbers]
        sql.executemany("INSERT OR IGNORE INTO layer_holders VALUES (?, ?)", rows)

    @staticmethod
    def release(sql: sqlite3.Connection, holder: str) -> None:
        sql.execute("DELETE FROM layer_holders WHERE holder = ?", (holder,))


class _Hashed:
    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def counting(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            yield chunk

    def passing(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._hash.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()


def _checked(found: str, expected: str | None) -> str:
    if expected is not None and found != expected:
        raise InvalidArgument(
            f"layers from manifest don't match image configuration: expected {expected}, got {found}"
        )
    return found
