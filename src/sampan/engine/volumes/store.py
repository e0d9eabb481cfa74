"""Local volumes: a directory each, a row each. The record in memory is the authority."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from sqlite3 import Connection

import msgspec
from msgspec import structs

from sampan.engine.records import Records
from sampan.engine.settings import Settings
from sampan.errors import NotFound


class Volume(msgspec.Struct):
    """`unclaimed`: it was made for a container whose creation has not ended."""

    name: str
    created: int
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None
    anonymous: bool = False
    unclaimed: bool = False


class Volumes:
    def __init__(self, settings: Settings, records: Records, discard: Callable[[str], None]) -> None:
        """`discard`: takes a tree out of sight, and deletes it later."""
        self._settings = settings
        self._discard = discard
        self._records = records
        self._by_name: dict[str, Volume] = {}
        self.holders: dict[str, set[str]] = {}  # who needs a mounted one: `volumes.mounting`
        self.mounting = asyncio.Lock()
        self.filling: dict[str, asyncio.Lock] = {}  # `volumes.filling`

    def __iter__(self) -> Iterator[Volume]:
        return iter(list(self._by_name.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Volume:
        """Raises NotFound in Docker's words."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(f"get {name}: no such volume") from None

    def home(self, name: str) -> str:
        return f"{self._settings.volumes}/{name}"

    def directory(self, name: str) -> str:
        return f"{self._settings.volumes}/{name}/_data"

    async def add(self, volume: Volume, prepare: Callable[[], None] = lambda: None) -> None:
        """Directory, then what `prepare` does in it, then row: a directory without a row is nobody's, and
        found at the next start."""
        self._by_name[volume.name] = volume
        row = (volume.name, msgspec.json.encode(volume))
        try:
            await self._records.run(partial(_insert, row), partial(self._make, volume.name, prepare))
        except BaseException:
            self._by_name.pop(volume.name, None)
            raise

    def _make(self, name: str, prepare: Callable[[], None]) -> None:
        os.makedirs(self.home(name), mode=0o701, exist_ok=True)
        try:
            os.makedirs(self.directory(name), mode=0o755, exist_ok=True)
            prepare()
        except BaseException:
            self._discard(self.home(name))
            raise

    def claim(self, sql: Connection, names: Iterable[str]) -> None:
        """In the transaction that has their container appear; `claimed` says that it was committed."""
        for name in names:
            _insert((name, msgspec.json.encode(structs.replace(self.get(name), unclaimed=False))), sql)

    def claimed(self, names: Iterable[str]) -> None:
        for name in names:
            self.get(name).unclaimed = False

    async def remove(self, name: str) -> None:
        """Tombstone, tree, row."""
        self._by_name.pop(name, None)
        self.filling.pop(name, None)
        await self._records.execute("UPDATE volumes SET removing = 1 WHERE name = ?", (name,))
        await asyncio.to_thread(self._discard, f"{self._settings.volumes}/{name}")
        await self._records.execute("DELETE FROM volumes WHERE name = ?", (name,))

    async def load(self) -> None:
        """At the daemon's start: finish removals, forget what was never acknowledged: directories, and
        volumes of containers that are none."""
        rows = await self._records.run(
            lambda sql: sql.execute("SELECT name, body, removing FROM volumes").fetchall()
        )
        for name, body, removing in rows:
            volume = msgspec.json.decode(body, type=Volume)
            if removing or volume.unclaimed:
                await self.remove(name)
            else:
                self._by_name[name] = volume
        await self._records.run(lambda sql: None, self._discard_strangers)

    def _discard_strangers(self) -> None:
        for name in os.listdir(self._settings.volumes):
            if name not in self._by_name:
                self._discard(f"{self._settings.volumes}/{name}")


def _insert(row: tuple[str, bytes], sql: Connection) -> None:
    sql.execute("INSERT OR REPLACE INTO volumes (name, body) VALUES (?, ?)", row)
