"""Write-through of what the engine knows to SQLite, on one thread of its own.

A promise that was given to a client is awaited until it is committed (`save`, `delete`). What the machine
itself can tell again after a crash (that a container runs, how it ended: state.json and exit.json of its
monitor) is written behind (`save_soon`), several records to a commit.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from sqlite3 import Connection
from typing import Any, NamedTuple, TypeVar

import msgspec

from sampan.engine.containers.record import Container, Definition, Status
from sampan.storage.database import Database, Schema

SCHEMA = Schema(
    "engine",
    [
        """
CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    definition BLOB NOT NULL,
    status BLOB NOT NULL,
    removing INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL,
    removing INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
""",
        """
CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
""",
    ],
)
_BEHIND = 0.05  # seconds: what starts and ends within it, as `run --rm … true` does, is never written
_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


def _write_behind(rows: list[tuple[bytes, str]], sql: Connection) -> None:
    sql.executemany("UPDATE containers SET status = ? WHERE id = ?", rows)


class Loaded(NamedTuple):
    """What the database holds at the daemon's start. `corrupt`: rows that could not be read."""

    containers: list[Container]
    removing: list[Container]
    corrupt: list[str]


class Records:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "records")
        self._late: dict[str, bytes] = {}
        self._flushing: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[Connection], _T], before: Callable[[], None] | None = None) -> _T:
        """`work(sql)` in one transaction on the thread; `before` runs there first, outside of it (files that
        must be in place when the row appears)."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, before)

    def _transact(self, work: Callable[[Connection], _T], before: Callable[[], None] | None) -> _T:
        if before is not None:
            before()
        with self._database.transaction() as sql:
            return work(sql)

    async def insert(
        self, container: Container, before: Callable[[], None], also: Callable[[Connection], None]
    ) -> None:
        """`also`: in the same transaction."""
        row = (container.id, _encode(container.definition), _encode(container.status))

        def work(sql: Connection) -> None:
            sql.execute("INSERT INTO containers (id, definition, status) VALUES (?, ?, ?)", row)
            also(sql)

        await self.run(work, before)

    async def save(self, container: Container) -> None:
        """Definition and status, committed."""
        self._late.pop(container.id, None)
        row = (_encode(container.definition), _encode(container.status), container.id)
        await self.execute("UPDATE containers SET definition = ?, status = ? WHERE id = ?", row)

    async def execute(self, statement: str, values: Sequence[Any]) -> None:
        """One statement, committed."""

        def work(sql: Connection) -> None:
            sql.execute(statement, values)

        await self.run(work)

    def save_soon(self, container: Container) -> None:
        """Status only, with the next commit that this thread has time for."""
        self._late[container.id] = _encode(container.status)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_BEHIND)
        await self.flush()

    async def flush(self) -> None:
        """Until nothing is left to be written behind."""
        while self._late:
            late, self._late = self._late, {}
            try:
                await self.run(
                    partial(_write_behind, [(status, identity) for identity, status in late.items()])
                )
            except Exception:
                _log.exception("cannot write the state of %d containers", len(late))

    async def bury(self, container: Container) -> None:
        """The tombstone: from here on the container is gone, whatever happens to the daemon."""
        self._late.pop(container.id, None)
        await self.execute("UPDATE containers SET removing = 1 WHERE id = ?", (container.id,))

    async def delete(self, identity: str, also: Callable[[Connection], None]) -> None:
        self._late.pop(identity, None)

        def work(sql: Connection) -> None:
            sql.execute("DELETE FROM containers WHERE id = ?", (identity,))
            also(sql)

        await self.run(work)

    async def load(self) -> Loaded:
        rows = await self.run(
            lambda sql: sql.execute("SELECT id, definition, status, removing FROM containers").fetchall()
        )
        loaded = Loaded([], [], [])
        for identity, definition, status, removing in rows:
            try:
                container = Container(
                    msgspec.json.decode(definition, type=Definition), msgspec.json.decode(status, type=Status)
                )
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                _log.error("container %s cannot be read: %s", identity, error)
                loaded.corrupt.append(str(identity))
                continue
            (loaded.removing if removing else loaded.containers).append(container)
        return loaded

    async def close(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.wait([self._flushing])
        await self.flush()
        self._thread.shutdown()
