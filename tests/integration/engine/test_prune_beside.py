"""Everything that can be pruned is, in the middle of a pull, a load, a build, a save, a push: none of them
misses anything, and what only they needed is theirs afterwards.
"""

import os
import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "images"))

import tars
from fake_registry import FakeRegistry, Request

from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import FACTOR, until

SOME = ("image prune -af", "builder prune -af", "system prune -af --volumes")
PATIENCE = 60 * FACTOR


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def built() -> tars.Image:
    """Two layers of a megabyte that nothing makes smaller."""
    return tars.image(*(layer(letter) for letter in "ab"))


@pytest.fixture
def keeper(boat: Client) -> Iterator[str]:
    """Keeps busybox from being pruned."""
    boat("run", "-d", "--name", "keeper", "busybox", "sh", "-c", "echo kept > /kept; sleep 10000")
    yield "keeper"
    boat("rm", "-f", "keeper")


pytestmark = pytest.mark.usefixtures("keeper")


def layer(letter: str) -> bytes:
    noise = random.Random(letter)
    return tars.tarball(*(tars.file(f"{letter}{number}", noise.randbytes(1 << 15)) for number in range(32)))


def prune_all(boat: Client) -> None:
    for words in SOME:
        boat(*words.split())


def is_whole(boat: Client, image: str, place: Path) -> None:
    """All files of both layers are in a container of it; then it is gone."""
    container = boat("create", image, "/x").out.strip()
    boat("export", "-o", str(place / "root.tar"), container)
    with tarfile.open(place / "root.tar") as archive:
        for letter in "ab":
            noise = random.Random(letter)
            for number in range(32):
                file = archive.extractfile(f"{letter}{number}")
                assert file is not None and file.read() == noise.randbytes(1 << 15)
    boat("rm", container)
    boat("rmi", image)


def ended(process: "subprocess.Popen[bytes]", data: bytes = b"") -> bytes:
    out, err = process.communicate(data, PATIENCE)
    assert process.returncode == 0, err.decode()
    return out


def nothing_is_left(own: Daemon) -> None:
    """Of an image that was removed while it was needed: only busybox is here."""
    until(lambda: len(os.listdir(own.data / "layers")) == 1, 30, "its layers to be gone")


class Held:
    """A registry that answers some requests only when it is told to go on."""

    def __init__(self, registry: FakeRegistry, method: str, part: str) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._method = method
        self._part = part
        registry.spoil = self._spoil

    def _spoil(self, request: Request) -> bool:
        if request.command == self._method and self._part in request.path:
            self.reached.set()
            self.go_on.wait(PATIENCE)
        return False


def test_a_pull(boat: Client, fake: FakeRegistry, built: tars.Image, tmp_path: Path) -> None:
    """The first layer is here, of an image that nobody needs and that goes; the second is on its way."""
    boat("load", stdin=tars.docker_archive(tars.image(layer("a")), "other:x"))
    fake.add("library/x", "latest", built)
    held = Held(fake, "GET", tars.digest(built.layers[1]))
    name = f"{fake.address}/library/x"
    pulling = boat.start("pull", name)
    assert held.reached.wait(PATIENCE)
    prune_all(boat)
    assert "other" not in boat("images").out
    held.go_on.set()
    ended(pulling)
    is_whole(boat, name, tmp_path)


def test_a_load_and_a_save(own: Daemon, boat: Client, built: tars.Image, tmp_path: Path) -> None:
    archive = tars.docker_archive(built, "loaded:x")
    boat("load", stdin=tars.docker_archive(tars.image(layer("a")), "other:x"))
    loading = boat.start("load")
    assert loading.stdin is not None
    half = len(archive) * 3 // 4
    loading.stdin.write(archive[:half])
    loading.stdin.flush()
    prune_all(boat)
    ended(loading, archive[half:])
    saving = boat.start("save", "loaded:x")
    assert saving.stdout is not None
    first = os.read(saving.stdout.fileno(), 1000)
    boat("rmi", "loaded:x")
    prune_all(boat)
    saved = first + ended(saving)
    nothing_is_left(own)
    assert boat("load", stdin=saved).out == "Loaded image: loaded:x\n"
    is_whole(boat, "loaded:x", tmp_path)


def test_a_push(own: Daemon, boat: Client, fake: FakeRegistry, built: tars.Image, tmp_path: Path) -> None:
    name = f"{fake.address}/library/pushed:x"
    boat("load", stdin=tars.docker_archive(built, name))
    held = Held(fake, "PATCH", "/blobs/uploads/")
    pushing = boat.start("push", name)
    assert held.reached.wait(PATIENCE)
    boat("rmi", name)
    prune_all(boat)
    held.go_on.set()
    ended(pushing)
    nothing_is_left(own)
    boat("pull", name)
    is_whole(boat, name, tmp_path)


def test_a_build(own: Daemon, boat: Client, tmp_path: Path) -> None:
    """Its base image and the layers of the steps before this one are nobody else's."""
    boat("commit", "keeper", "base:x")
    context = tmp_path / "context"  # the daemon's own root is beside it
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM busybox AS other\nRUN echo of-other > /of-other\n"
        "FROM base:x\nRUN echo first > /first\nCOPY Dockerfile /copied\n"
        "RUN --mount=target=/context --mount=type=cache,target=/cache"
        " touch /cache/mark && until [ -e /context/go-on ]; do sleep 0.1; done && ls /cache > /cached\n"
        "COPY --from=other /of-other /\n"
    )
    building = boat.start("build", "-q", "-t", "made:x", str(context))
    until(lambda: _marks(own) == 1, 60, "the step to run")
    prune_all(boat)
    assert "base" not in boat("images").out
    (context / "go-on").touch()
    ended(building)
    shown = boat("run", "--rm", "made:x", "cat", "/kept", "/first", "/cached", "/of-other").out
    assert shown == "kept\nfirst\nmark\nof-other\n"
    boat("rmi", "made:x")
    boat("builder", "prune", "-af")


def _marks(own: Daemon) -> int:
    return len(list((own.data / "build").glob("mounts/*/**/mark")))
