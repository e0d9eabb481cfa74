"""A store and a registry for the tests of a module."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "images"))

from fake_registry import FakeRegistry
from world import World

from sampan.engine.images.images import open_images
from sampan.registry.hosts import Hosts
from sampan.storage.database import Database
from sampan.storage.schema import SCHEMA
from sampan.storage.store import Store


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
