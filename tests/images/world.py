"""An image store of one's own with a registry beside it, and what the store looks like from outside."""

import os
import stat
import threading
from typing import NamedTuple

import tars
from fake_registry import FakeRegistry

from sampan.engine.images import importer, load, pull
from sampan.engine.images.images import Images
from sampan.engine.images.progress import nobody
from sampan.oci import reference
from sampan.registry.auth import ANONYMOUS, Credentials
from sampan.registry.retry import Patience

HASTE = Patience(tries=6, first=0.01, longest=0.05, connect=10, silence=1.5)


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
                    found[os.path.join(path, item)] = (
                        stat.S_IFMT(status.st_mode),
                        stat.S_ISREG(status.st_mode) and status.st_size,
                    )
        with self.images.store.database.snapshot() as sql:
            for table in ("images", "layers", "blobs", "tags", "digests", "image_layers", "image_blobs"):
                found[table] = [tuple(row) for row in sql.execute(f"SELECT * FROM {table}")]
        return found
