"""An image store of one's own, and what it looks like from outside."""

import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "images"))

import tars
from fake_registry import FakeRegistry
from sampan.engine.images import importer, load, pull
from sampan.engine.images.images import Images, open_images
from sampan.engine.images.progress import nobody
from sampan.oci import reference
from sampan.registry.auth import ANONYMOUS, Credentials
from sampan.registry.hosts import Hosts
from sampan.registry.retry import Patience
from sampan.storage.database import Database
from sampan.storage.schema import SCHEMA
from sampan.storage.store import Store

HASTE = Patience(tries=6, first=0.01, longest=0.05, connect=2, silence=0.4)


class World(NamedTuple):
    images: Images
    registry: FakeRegistry

    def pull(self, name: str, credentials: Credentials = ANONYMOUS) -> pull.PullResult:
        named = reference.parse(f"{self.registry.address}/{name}")
        return pull.pull(
            self.images, named, None, credentials, nobody, cancelled=threading.Event(), patience=HASTE
        )

    def load(self, archive: bytes) -> list[load.Loaded]:
        return load.load(self.images, iter([archive]), nobody, threading.Event())

    def import_(self, layer: bytes) -> str:
        return importer.import_(self.images, iter([layer]), cancelled=threading.Event()).id

    def bring(self, way: str, layer: bytes) -> str:
        """An image with that layer by one of the three ways: its id."""
        if way == "import":
            return self.import_(layer)
        built = tars.image(layer)
        if way == "load":
            return self.load(tars.docker_archive(built))[0].id
        self.registry.add("library/case", "latest", built)
        return self.pull("library/case").image_id

    def drop(self, image_id: str) -> None:
        self.images.records.delete(image_id)

    def state(self) -> dict[str, object]:
        """Everything that is in the store, by name, and every row; what waits in the trash does not count."""
        root = self.images.store.root
        found: dict[str, object] = {}
        for name in ("blobs", "layers", "ingest"):
            for path, directories, files in os.walk(os.path.join(root, name)):
                for item in directories + files:
                    status = os.lstat(os.path.join(path, item))
                    found[os.path.join(path, item)] = (stat.S_IFMT(status.st_mode), status.st_size)
        with self.images.store.database.snapshot() as sql:
            for table in ("images", "layers", "blobs", "tags", "digests", "image_layers", "image_blobs"):
                found[table] = [tuple(row) for row in sql.execute(f"SELECT * FROM {table}")]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = str(tmp_path_factory.mktemp("data"))
    database = Database.open(f"{root}/sampan.db", [SCHEMA])
    store = Store.open(root, database)
    with FakeRegistry() as registry:
        yield World(open_images(store, Hosts(), "x86_64", (root,), "/bin/sh"), registry)
    store.close()
    database.close()


@pytest.fixture(autouse=True)
def as_before(world: World) -> Iterator[None]:
    """Whatever a test does, it leaves the store as it found it."""
    before = world.state()
    yield
    world.registry.spoil = lambda _: False
    world.registry.requests.clear()
    assert world.state() == before
