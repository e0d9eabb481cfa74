"""A container's directory on its way to be a layer: what the next start finds, wherever it was interrupted;
and what a placeholder becomes."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sampan.engine.images import resolve
from sampan.engine.images.images import Images, open_images
from sampan.engine.images.remove import remove
from sampan.engine.images.seal import sealed
from sampan.oci import digest
from sampan.oci.image import ImageConfig, RootFs
from sampan.registry.hosts import Hosts
from sampan.storage import taken
from sampan.storage.database import Database
from sampan.storage.images import NewImage
from sampan.storage.schema import SCHEMA
from sampan.storage.store import Store
from sampan.storage.taken import Known

pytestmark = pytest.mark.root
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


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


def directory(root: Path, name: str = "c") -> Path:
    upper = root / "containers" / name / "diff"
    upper.mkdir(parents=True)
    upper.chmod(0o711)
    (upper / "file").write_text("precious")
    return upper


def commit(images: Images, upper: Path, known: Known, **more: object) -> str:
    store = images.store
    with store.leases.open() as lease:
        one = taken.take(store, lease, str(upper), known, BOOT)
        config = ImageConfig(rootfs=RootFs("layers", [known.diff_id]), **more)  # type: ignore[arg-type]
        image = NewImage(msgspec.json.encode(config), 0.0, [known.diff_id], [])
        return images.records.commit(image, also=lambda sql, _: taken.settle(sql, one))


def crash_in(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    def crash(*_: object, **__: object) -> None:
        raise Crash

    monkeypatch.setattr(where, name, crash)


@pytest.mark.parametrize(
    "step",
    [
        lambda patch: crash_in(patch, os, "rename"),
        lambda patch: crash_in(patch, taken, "_renew"),
        lambda patch: crash_in(patch, taken, "settle"),
    ],
    ids=["before the rename", "after it", "before the image appears"],
)
def test_an_interrupted_commit_gives_the_directory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Callable[[pytest.MonkeyPatch], None]
) -> None:
    images = start(tmp_path)
    upper = directory(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(taken, "give_back", lambda *_: None)  # nobody is there to clean up
        step(patch)
        with pytest.raises(Crash):
            commit(images, upper, Known(taken.placeholder()))
    stop(images)
    images = start(tmp_path)
    try:
        assert (upper / "file").read_text() == "precious"
        assert upper.stat().st_mode & 0o777 == 0o711
        assert os.listdir(tmp_path / "layers") == []
        assert [row for row in images.records.all() if not row.host] == []
    finally:
        stop(images)


def test_after_a_commit_it_stays(tmp_path: Path) -> None:
    images = start(tmp_path)
    upper = directory(tmp_path)
    image = commit(images, upper, Known(taken.placeholder()))
    stop(images)
    images = start(tmp_path)
    try:
        assert os.listdir(upper) == []
        assert upper.stat().st_mode & 0o777 == 0o711
        row = images.records.get(image)
        assert row is not None
        assert Path(images.store.layer_path(row.layers[0].number), "file").read_text() == "precious"
    finally:
        stop(images)


def test_what_was_not_on_the_disk_is_not_there_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = start(tmp_path)
    monkeypatch.setattr(taken, "sync", lambda _store: None)
    lost = commit(images, directory(tmp_path), Known(taken.placeholder()))
    kept = commit(images, directory(tmp_path, "d"), Known(taken.placeholder()))
    with images.store.database.transaction() as sql:
        sql.execute("UPDATE layers SET unsynced = 'another life' WHERE id = 1")
    stop(images)
    images = start(tmp_path)
    try:
        assert images.records.get(lost) is None
        assert images.records.get(kept) is not None
    finally:
        stop(images)


def test_a_placeholder_becomes_the_digest_everywhere(tmp_path: Path) -> None:
    images = start(tmp_path)
    try:
        known = Known(taken.placeholder())
        first = commit(images, directory(tmp_path), known)
        config = msgspec.json.encode(ImageConfig(rootfs=RootFs("layers", [known.diff_id]), comment="second"))
        second = images.records.commit(NewImage(config, 0.0, [known.diff_id], []))
        real = taken.hash_directory(images.store.layer_path(1))
        found = sealed(images, resolve.find(images, first), threading.Event())
        assert (found.id, found.config.diff_ids) == (digest.of(found.row.config), [real.diff_id])
        other = resolve.find(images, second)
        assert (other.id, other.config.diff_ids) == (digest.of(other.row.config), [real.diff_id])
        assert sealed(images, other) is other
        for told, image in ((first, found), (second, other)):
            assert resolve.find(images, told).id == image.id
            assert resolve.find(images, told[7:19]).id == image.id
            assert images.records.ids_of(image.id) == {told, image.id}
        assert {row.id for row in images.records.all() if not row.host} == {found.id, other.id}
    finally:
        stop(images)


def test_who_was_told_the_first_id_may_go_on_with_it(tmp_path: Path) -> None:
    """The last one may come between a look and what follows it."""
    images = start(tmp_path)
    try:
        told = commit(images, directory(tmp_path), Known(taken.placeholder()))
        image = sealed(images, resolve.find(images, told), threading.Event())
        assert image.id != told
        assert images.records.tag(told, "docker.io/library/x", "1")
        assert images.records.add_digest(told, "docker.io/library/x", "sha256:" + "1" * 64)
        assert images.records.by_tag("docker.io/library/x", "1") == image.id
        assert resolve.find(images, told).repo_digests == ["x@sha256:" + "1" * 64]
        assert images.records.blobs_of(told) == images.records.blobs_of(image.id) != []
        removed = remove(images, told, lambda _: [], force=True)
        assert removed[-2].deleted == image.id
        assert images.records.get(image.id) is None
        assert not images.records.tag(told, "docker.io/library/x", "1")
    finally:
        stop(images)


def test_two_with_the_same_content_share_one_layer(tmp_path: Path) -> None:
    images = start(tmp_path)
    try:
        ids = []
        for name in ("c", "d"):
            upper = directory(tmp_path, name)
            os.utime(upper / "file", (1, 1))
            os.utime(upper, (1, 1))
            ids.append(commit(images, upper, Known(taken.placeholder()), comment=name))
        rows = [sealed(images, resolve.find(images, one)).row for one in ids]
        assert rows[0].layers[0].number == rows[1].layers[0].number
    finally:
        stop(images)
