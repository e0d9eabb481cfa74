"""What a daemon finds when it starts after a crash, at each step at which one can happen."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import tars

from sampan.engine.images import load
from sampan.engine.images.images import Images, open_images
from sampan.engine.images.progress import nobody
from sampan.linux import fsattr
from sampan.registry.hosts import Hosts
from sampan.storage import store as stores
from sampan.storage import taken
from sampan.storage.database import Database
from sampan.storage.images import ImageRecords
from sampan.storage.schema import SCHEMA
from sampan.storage.store import Store

pytestmark = pytest.mark.root

ARCHIVE = tars.docker_archive(tars.image(tars.tarball(tars.file("hello", b"hello"))), "x:1")


class Crash(BaseException):
    """The power goes: nobody cleans up."""


@pytest.fixture(autouse=True)
def as_before() -> None:
    """These tests have stores of their own."""


def start(root: Path) -> Images:
    database = Database.open(f"{root}/sampan.db", [SCHEMA])
    return open_images(Store.open(str(root), database), Hosts(), "x86_64", (str(root),), "/bin/sh")


def stop(images: Images) -> None:
    images.store.close()
    images.store.database.close()


def take(images: Images) -> str:
    import threading

    return load.load(images, iter([ARCHIVE]), nobody, threading.Event())[0].id


def names(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for name in ("blobs", "layers", "ingest", "trash")
        for path in (root / name).rglob("*")
    )


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    images = start(tmp_path)
    image_id = take(images)
    stop(images)
    before = names(tmp_path)
    images = start(tmp_path)
    assert images.records.get(image_id).tags == [("docker.io/library/x", "1")]
    stop(images)
    assert names(tmp_path) == [name for name in before if not name.startswith("trash/")]


STEPS: dict[str, tuple[object, str]] = {
    "unpacking": (__import__("sampan.storage.extract", fromlist=["x"])._Extractor, "finish"),
    "renaming": (os, "rename"),
    "recording": (ImageRecords, "_commit_blobs"),
    "removing": (Store, "discard"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_nothing(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = start(tmp_path)
    empty = names(tmp_path)
    owner, name = STEPS[step]
    real: Callable[..., object] = getattr(owner, name)

    def crash(*arguments: object, **options: object) -> object:
        real(*arguments, **options)
        raise Crash

    image_id = take(images) if step == "removing" else ""
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(owner, name, crash)
        if step == "removing":
            images.records.delete(image_id)
        else:
            take(images)
    crashed = start(tmp_path)  # beside the first, which is never closed: as after SIGKILL
    stop(crashed)
    assert names(tmp_path) == empty
    images = start(tmp_path)
    take(images)  # and everything works again
    stop(images)


def test_what_is_not_synced_yet_outlives_the_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync comes behind the answer: a machine that goes down before it takes the whole image along."""
    images = start(tmp_path)
    empty = names(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(fsattr, "syncfs", _fail)
        image_id = take(images)
        stop(start(tmp_path))
        images = start(tmp_path)
        assert images.records.get(image_id) is not None
        patch.setattr(stores, "_boot_id", lambda: "another")
        stop(start(tmp_path))
    assert names(tmp_path) == empty
    images = start(tmp_path)
    assert images.records.get(image_id) is None
    take(images)
    taken.sync(images.store)
    monkeypatch.setattr(stores, "_boot_id", lambda: "another")
    images = start(tmp_path)
    assert images.records.get(image_id) is not None
    stop(images)


def _fail(*_: object) -> None:
    raise OSError(5, "Input/output error")


def test_the_configuration_is_restored_from_the_database(tmp_path: Path) -> None:
    """Its file is not synced on its own."""
    images = start(tmp_path)
    image_id = take(images)
    path = Path(images.store.blobs.path(image_id))
    content = path.read_bytes()
    stop(images)
    for damage in (path.unlink, lambda: path.write_bytes(b"")):
        damage()
        stop(start(tmp_path))
        assert path.read_bytes() == content


def test_an_image_without_its_layer_is_dropped(tmp_path: Path) -> None:
    images = start(tmp_path)
    image_id = take(images)
    number = images.records.get(image_id).layers[0].number
    stop(images)
    os.rename(tmp_path / "layers" / str(number), tmp_path / "elsewhere")
    images = start(tmp_path)
    assert images.records.get(image_id) is None
    take(images)
    stop(images)


def test_partial_downloads_outlive_a_restart_for_a_week(tmp_path: Path) -> None:
    stop(start(tmp_path))
    young, old = tmp_path / "ingest" / ("blob-" + "1" * 64), tmp_path / "ingest" / ("blob-" + "2" * 64)
    for path in (young, old):
        path.write_bytes(b"part")
    os.utime(old, (0, 0))
    stop(start(tmp_path))
    assert young.exists()
    assert not old.exists()


def test_modes(tmp_path: Path) -> None:
    stop(start(tmp_path))
    for name in ("blobs", "layers", "ingest", "trash"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700
