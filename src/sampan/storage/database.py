"""The one SQLite database of a data root: WAL, synchronous=FULL, one writer.

Each floor brings the tables that it needs as a `Schema`, which grows by appending to `steps`, never by
changing one. The version reached stands in the table `schemas`; a database that is newer than the program
is refused untouched.

A disk that is full does not keep anybody from deleting: the blocks that the WAL fills before it starts again
from its beginning (`wal_autocheckpoint`, 1000 pages) are its own as long as the database is open. A closed
database has none, so a file holds some for it until it is opened again.
"""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sampan.errors import Internal
from sampan.linux import fsattr

_WAL_ROOM = 6 << 20  # bytes: 1000 pages of 4 KiB with their headers, and half as many again
_INDEX_ROOM = 64 << 10  # bytes: SQLite makes it longer by 32 KiB for each 4096 pages of the WAL
_GROWTH = 1 << 20  # bytes that a checkpoint may add to the file


class Schema(NamedTuple):
    name: str
    steps: Sequence[str]  # SQL scripts; step n brings the schema to version n + 1


class Database:
    """Thread-safe. `transaction()` to write, `snapshot()` to read without waiting for a commit."""

    def __init__(
        self, path: str, writer: sqlite3.Connection, reader: sqlite3.Connection, held: Sequence[int]
    ) -> None:
        self._path = path
        self._held = held  # descriptors of its files
        self._writer = writer
        self._reader = reader
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()

    @classmethod
    def open(cls, path: str, schemas: Sequence[Schema]) -> "Database":
        """Raises Internal, and changes nothing, if the file is damaged or of a newer version."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_room(path))
        writer = _connect(path)
        try:
            _check(writer, path)
            for schema in schemas:
                _migrate(writer, schema)
            return cls(path, writer, _connect(path), _reserve(path))
        except BaseException:
            writer.close()
            raise

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Commits at the end, rolls back on any exception; nested on one thread it joins the outer one.

        `durable` False: for what nobody was told of. It outlives any of our processes, and a machine that
        goes down may take it along, whole, until the next durable commit has brought it to the disk.
        Raises OSError(ENOSPC) when the disk is full."""
        with self._write_lock:
            if self._writer.in_transaction:
                yield self._writer
                return
            with self._synchronous(durable=durable):
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.execute("COMMIT")
                except BaseException as error:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path) from error
                    raise

    @contextmanager
    def _synchronous(self, *, durable: bool) -> Iterator[None]:
        """In NORMAL the WAL is appended to in order, not synced at each commit (sqlite.org/pragma.html)."""
        if durable:
            yield
            return
        self._writer.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._writer.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A consistent view of what is committed."""
        with self._read_lock:
            if self._reader.in_transaction:
                yield self._reader
                return
            self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                self._reader.execute("COMMIT")

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()  # the last one: it folds the WAL into the file
            for descriptor in (*self._held, _reserved(_room(self._path), _WAL_ROOM + _GROWTH)):
                os.close(descriptor)


def _reserve(path: str) -> list[int]:
    """Blocks for the files of an open database. The descriptors may not be closed before the database is:
    with any of them the process would lose the locks that SQLite holds on the file (fcntl_locking(2))."""
    return [
        # The index of the WAL is mapped: a page without a block on a full disk is a SIGBUS.
        _reserved(f"{path}-shm", _INDEX_ROOM),
        _reserved(f"{path}-wal", _WAL_ROOM),
        _reserved(path, os.path.getsize(path) + _GROWTH),
    ]


def _reserved(path: str, size: int) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fsattr.reserve(descriptor, size)
    return descriptor


def _room(path: str) -> str:
    return f"{path}-room"


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Internal(f"the database {path} is damaged: {error}") from error
    return connection


def _check(connection: sqlite3.Connection, path: str) -> None:
    try:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise Internal(f"the database {path} is damaged: {verdict}")


def _migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS schemas (name TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    row = connection.execute("SELECT version FROM schemas WHERE name = ?", (schema.name,)).fetchone()
    version = row[0] if row else 0
    if version > len(schema.steps):
        raise Internal(
            f"the data root was used by a newer version of sampan (schema {schema.name} {version}, "
            f"this version knows {len(schema.steps)}); nothing was changed"
        )
    for number, step in enumerate(schema.steps[version:], start=version + 1):
        # executescript commits whatever is open, so the script brings its own transaction.
        record = f"INSERT OR REPLACE INTO schemas VALUES ('{schema.name}', {number});"
        connection.executescript(f"BEGIN IMMEDIATE;\n{step};\n{record}\nCOMMIT;")
