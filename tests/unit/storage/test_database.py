import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sampan.errors import Internal
from sampan.storage.database import Database, Schema

ONE = Schema("things", ["CREATE TABLE things (name TEXT)"])
TWO = Schema("things", [*ONE.steps, "ALTER TABLE things ADD COLUMN size INTEGER DEFAULT 7"])


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "x.db")


def names(database: Database) -> list[str]:
    with database.snapshot() as sql:
        return [row[0] for row in sql.execute("SELECT name FROM things")]


def test_commit_and_roll_back(path: str) -> None:
    database = Database.open(path, [ONE])
    with database.transaction() as sql:
        sql.execute("INSERT INTO things VALUES ('kept')")
    with pytest.raises(ZeroDivisionError), database.transaction() as sql:
        sql.execute("INSERT INTO things VALUES ('lost')")
        raise ZeroDivisionError
    assert names(database) == ["kept"]
    database.close()
    assert names(Database.open(path, [ONE])) == ["kept"]


def test_a_snapshot_does_not_wait_for_a_writer(path: str) -> None:
    database = Database.open(path, [ONE])
    found: list[list[str]] = []
    with database.transaction() as sql:
        sql.execute("INSERT INTO things VALUES ('new')")
        reader = threading.Thread(target=lambda: found.append(names(database)))
        reader.start()
        reader.join(5)
    assert found == [[]]
    assert names(database) == ["new"]


def test_settings(path: str) -> None:
    database = Database.open(path, [ONE])
    with database.transaction() as sql:
        assert sql.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert sql.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert sql.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_schemas_grow(path: str) -> None:
    database = Database.open(path, [ONE])
    with database.transaction() as sql:
        sql.execute("INSERT INTO things VALUES ('old')")
    database.close()
    with Database.open(path, [TWO]).snapshot() as sql:
        assert tuple(sql.execute("SELECT * FROM things").fetchone()) == ("old", 7)


def test_a_newer_database_is_refused_untouched(path: str) -> None:
    Database.open(path, [TWO]).close()
    before = Path(path).read_bytes()
    with pytest.raises(Internal, match="newer version"):
        Database.open(path, [ONE])
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_database_is_told(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    with pytest.raises(Internal, match="damaged"):
        Database.open(path, [ONE])


def test_writers_take_turns(path: str) -> None:
    database = Database.open(path, [ONE])

    def work() -> None:
        for _ in range(20):
            with database.transaction() as sql:
                sql.execute("INSERT INTO things VALUES ('x')")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 80


def test_failing_step_leaves_the_version(path: str) -> None:
    with pytest.raises(sqlite3.Error):
        Database.open(path, [Schema("things", [*ONE.steps, "THIS IS NO SQL"])])
    assert names(Database.open(path, [TWO])) == []


def test_the_log_has_its_blocks_before_it_needs_them(path: str) -> None:
    database = Database.open(path, [ONE])
    allocated = Path(f"{path}-wal").stat().st_blocks * 512
    if allocated < 1 << 20:
        pytest.skip("this file system reserves nothing")
    database.close()
    kept = Path(f"{path}-room").stat()
    assert (kept.st_size, kept.st_blocks * 512 >= 6 << 20) == (0, True)
    Database.open(path, [ONE])
    assert not Path(f"{path}-room").exists()


def test_a_full_database_is_a_full_disk(path: str) -> None:
    database = Database.open(path, [ONE])
    with database.transaction() as sql:
        sql.execute(f"PRAGMA max_page_count = {sql.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(OSError, match="No space left on device"), database.transaction() as sql:
        sql.execute("INSERT INTO things VALUES (?)", ("x" * 100_000,))
    assert names(database) == []


def test_it_stays_locked_against_other_processes(path: str) -> None:
    """A descriptor that is closed would take SQLite's locks along, and the next process the mapped index."""
    database = Database.open(path, [ONE])
    look = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)"
    done = subprocess.run([sys.executable, "-c", look, f"{path}-shm"], capture_output=True, text=True)
    assert "BlockingIOError" in done.stderr
    database.close()
