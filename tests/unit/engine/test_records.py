"""What is written through, and what a daemon finds again."""

import asyncio
from pathlib import Path
from sqlite3 import Connection

import pytest

from sampan.engine.containers.config import Config, HostConfig, NetworkingConfig
from sampan.engine.containers.record import BoundPort, Container, Definition, Endpoint, MountPoint, Status
from sampan.engine.records import SCHEMA, Records
from sampan.engine.state import State
from sampan.storage.database import Database


def container(identity: str = "a" * 64) -> Container:
    return Container(
        Definition(
            id=identity, name="web", created=5, image_id="sha256:0", path="sh", args=["-c", "\u00fc\n"],
            config=Config(env=["A=\u00e4"], labels={"k": "v"}), host_config=HostConfig(memory=5),
            networking=NetworkingConfig(), mounts=[MountPoint("bind", "/a", "/b", options=["x"])],
            lowerdirs=["/l"], masked=[],
        ),
        Status(
            endpoints=[Endpoint("bridge", "e", "172.17.0.2", 16, ports=[BoundPort(80, "tcp", "::", 8080)])]
        ),
    )  # fmt: skip


def nothing(_: Connection) -> None:
    return None


def no_files() -> None:
    return None


def open_records(path: Path) -> Records:
    return Records(Database.open(str(path / "db"), [SCHEMA]))


def test_a_container_comes_back_as_it_was(tmp_path: Path) -> None:
    async def scene() -> None:
        records = open_records(tmp_path)
        one = container()
        await records.insert(one, no_files, nothing)
        one.become(State.RUNNING)
        one.status.pid = 7
        records.save_soon(one)
        await records.close()
        again = open_records(tmp_path)
        loaded = await again.load()
        await again.close()
        assert [found.definition for found in loaded.containers] == [one.definition]
        assert loaded.containers[0].status == one.status
        assert loaded.removing == []

    asyncio.run(scene())


def test_a_tombstone_and_its_end(tmp_path: Path) -> None:
    async def scene() -> None:
        records = open_records(tmp_path)
        one = container()
        await records.insert(one, no_files, nothing)
        records.save_soon(one)
        await records.bury(one)
        loaded = await records.load()
        assert (len(loaded.containers), len(loaded.removing)) == (0, 1)
        await records.delete(one.id, nothing)
        assert await records.load() == ([], [], [])
        await records.close()

    asyncio.run(scene())


def test_a_row_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    async def scene() -> None:
        records = open_records(tmp_path)
        for identity in ("a" * 64, "b" * 64):
            await records.insert(container(identity), no_files, nothing)
        await records.execute("UPDATE containers SET definition = ? WHERE id = ?", (b"{", "a" * 64))
        loaded = await records.load()
        assert [found.id for found in loaded.containers] == ["b" * 64]
        assert loaded.corrupt == ["a" * 64]
        await records.close()

    asyncio.run(scene())


def test_what_must_be_in_place_first_keeps_the_row_out_when_it_fails(tmp_path: Path) -> None:
    def fails() -> None:
        raise OSError(28, "No space left on device")

    async def scene() -> None:
        records = open_records(tmp_path)
        with pytest.raises(OSError, match="No space left"):
            await records.insert(container(), fails, nothing)
        assert (await records.load()).containers == []
        await records.close()

    asyncio.run(scene())
