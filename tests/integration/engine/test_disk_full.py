"""A small file system under the data root, full to the last block: nothing breaks, and rm still frees."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "images"))

import tars

from harness import audit
from harness.clients import Client, ours
from harness.daemon import Daemon
from sampan.network.default import remove_default

MIB = 1 << 20
BLOCK = 4096
# What is left free when the verbs come: each of them fails at another step with each.
ROOM = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 400)  # blocks
WRITE_MUCH = (
    "i=0; while [ $i -lt 4000 ]; do echo $i-0123456789012345678901234567890123456789; i=$((i+1)); done"
)
LINE = re.compile(r"\d+-(0123456789){4}")


class Disk:
    """A loop-mounted ext4 of 160 MiB without reserved blocks."""

    def __init__(self, image: Path, target: Path) -> None:
        self.target = target
        self._ballast = target / "ballast"
        with image.open("wb") as file:
            file.truncate(160 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-N", "8000", image], check=True)
        target.mkdir(parents=True)
        subprocess.run(["mount", "-o", "loop", image, target], check=True)

    def fill(self, room: int) -> None:
        """All but `room` blocks."""
        with self._ballast.open("ab") as file:
            while (free := os.statvfs(self.target).f_bavail - room) > 0:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(1, free - 2) * BLOCK)
                except OSError:
                    break  # the blocks that are left serve the ballast's own map
            os.fsync(file.fileno())

    def fill_inodes(self) -> None:
        (self.target / "many").mkdir()
        for number in range(os.statvfs(self.target).f_favail):
            (self.target / "many" / str(number)).touch()

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", self.target / "many"], check=True)

    def remove(self) -> None:
        subprocess.run(["umount", self.target], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "image", tmp_path / "d" / "data")
    yield made
    made.remove()


@pytest.fixture
def own(disk: Disk, registry: str, tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "d", registry)
    daemon.data = disk.target / "root"
    daemon.start()
    try:
        ours(daemon.environment())("pull", "-q", "busybox")
        before = audit.settled(daemon)
        yield daemon
        disk.free()
        daemon.empty()
        leaked = audit.difference(daemon, before)
    finally:
        daemon.stop()
        remove_default(daemon.names)
    assert leaked == []
    with contextlib.closing(sqlite3.connect(daemon.data / "sampan.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def boat(own: Daemon) -> Client:
    return ours(own.environment())


def _tried(boat: Client, *arguments: str) -> bool:
    """Whether it worked; if not, it says why."""
    done = boat(*arguments, check=False)
    if done.code:
        assert "no space left on device" in done.err.lower() or "disk is full" in done.err, (arguments, done)
    return done.code == 0


@pytest.mark.parametrize("room", ROOM)
def test_a_full_disk_fails_one_verb_after_the_other_and_breaks_none(
    own: Daemon, boat: Client, disk: Disk, room: int
) -> None:
    boat(
        "run", "-d", "--name", "before", "busybox", "sh", "-c", "while read line; do $line; done; sleep 1000"
    )
    boat("create", "--name", "unused", "busybox", "true")
    disk.fill(room)
    if _tried(boat, "create", "--name", "made", "busybox", "true"):
        _tried(boat, "start", "made")
    _tried(boat, "run", "-d", "--name", "loud", "busybox", "sh", "-c", WRITE_MUCH + "; sleep 1000")
    _tried(boat, "exec", "before", "sh", "-c", WRITE_MUCH)
    _tried(boat, "volume", "create", "more")
    assert "before" in boat("ps").out
    if "loud" in boat("ps", "--format", "{{.Names}}").out.split():
        assert all(LINE.fullmatch(line) for line in boat("logs", "loud").out.splitlines())
    boat("rm", "unused")
    boat("rm", "-f", "before")
    disk.free()
    assert boat("run", "--rm", "busybox", "echo", "well").out == "well\n"
    boat("volume", "rm", "-f", "more")


def test_no_inode_is_left(own: Daemon, boat: Client, disk: Disk) -> None:
    boat("run", "-d", "--name", "before", "busybox", "sleep", "1000")
    disk.fill_inodes()
    assert not _tried(boat, "create", "busybox", "true")
    assert not _tried(boat, "volume", "create", "more")
    assert _tried(boat, "exec", "before", "true")
    boat("rm", "-f", "before")


@pytest.mark.parametrize("room", [0, 89, 3000])
def test_images_that_do_not_fit_leave_nothing(
    own: Daemon, boat: Client, disk: Disk, tmp_path: Path, room: int
) -> None:
    """Loaded, pulled, built, committed: each fails or is whole, and the next one works."""
    noise = os.urandom(8 * MIB)
    archive = tmp_path / "archive.tar"
    archive.write_bytes(tars.docker_archive(tars.image(tars.tarball(tars.file("noise", noise))), "loaded:x"))
    (tmp_path / "context").mkdir()
    (tmp_path / "context/noise").write_bytes(noise)
    (tmp_path / "context/Dockerfile").write_text(
        "FROM busybox\nRUN dd if=/dev/urandom of=/made bs=1M count=4\nCOPY noise /noise\n"
    )
    box = ("run", "-d", "--network", "none", "--name", "before", "busybox", "sleep", "1000")
    tries = (
        ("load", "-i", str(archive)),
        ("pull", "debian"),
        ("build", "--network", "none", "-t", "built:x", str(tmp_path / "context")),
        ("commit", "before", "committed:x"),
    )
    boat(*box)
    disk.fill(room)
    for words in tries:
        _tried(boat, *words)
    names = boat("images", "--format", "{{.Repository}}").out.split()
    _whole(boat, names)
    boat("rm", "-f", "before")
    if names != ["busybox"]:
        boat("rmi", "-f", *(f"{name}:x" for name in names if name not in ("busybox", "debian", "<none>")))
    boat("builder", "prune", "-af")
    boat("image", "prune", "-f")
    disk.free()
    boat(*box)
    for words in tries[:1] + tries[2:]:
        boat(*words)
    _whole(boat, ["loaded", "built", "committed"])
    boat("rm", "-f", "before")
    boat("rmi", "loaded:x", "built:x", "committed:x")
    boat("builder", "prune", "-af")


def _whole(boat: Client, names: list[str]) -> None:
    """Whatever is listed can be read to its end."""
    for name in names:
        if name != "<none>":
            boat("save", "-o", "/dev/null", "busybox" if name == "busybox" else f"{name}:x")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_the_daemon_comes_back_on_a_full_disk_to_free_some(
    own: Daemon, boat: Client, disk: Disk, end: str
) -> None:
    boat("run", "-d", "--name", "before", "busybox", "sleep", "1000")
    boat("create", "--name", "unused", "busybox", "true")
    boat("import", "-", "tiny", stdin=bytes(10240))  # an archive without a member
    getattr(own, end)()
    disk.fill(0)
    own.start()
    assert boat("ps", "--format", "{{.Names}}").out == "before\n"
    assert not _tried(boat, "create", "busybox", "true")
    assert boat("exec", "before", "echo", "well").out == "well\n"
    boat("kill", "before")
    assert boat("wait", "before").out == "137\n"
    boat("rm", "unused", "before")
    boat("rmi", "tiny")
    assert "tiny" not in boat("images").out
