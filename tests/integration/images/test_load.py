"""Archives: what is taken in, what is refused, and what an archive cannot make us believe."""

import gzip
import json
import lzma
import os
import threading

import pytest
import tars
import zstandard
from world import World

from sampan.engine.images import history, inspect, listing, load, remove, resolve
from sampan.engine.images.tag import tag
from sampan.errors import Conflict, InvalidArgument, NotFound, SampanError

pytestmark = pytest.mark.root

LAYER = tars.tarball(tars.file("hello", b"hello"))
BUILT = tars.image(LAYER)


def drop(world: World, loaded: list[load.Loaded]) -> None:
    for image in loaded:
        world.drop(image.id)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, lzma.compress])
@pytest.mark.parametrize(
    "archive", [tars.docker_archive(BUILT, "x:1"), tars.oci_layout(BUILT, "docker.io/library/x:1")]
)
def test_both_kinds_and_all_packings(world, archive, pack) -> None:
    loaded = world.load(pack(archive))
    assert load.messages(loaded) == ["Loaded image: x:1"]
    assert loaded[0].id == tars.digest(BUILT.config)
    drop(world, loaded)


def test_without_a_name(world) -> None:
    loaded = world.load(tars.docker_archive(BUILT))
    assert load.messages(loaded) == [f"Loaded image ID: {loaded[0].id}"]
    drop(world, loaded)


def test_a_layout_keeps_its_manifest(world) -> None:
    loaded = world.load(tars.oci_layout(BUILT))
    assert tars.digest(BUILT.manifest) in {
        blob.digest for blob in world.images.records.blobs_of(loaded[0].id)
    }
    drop(world, loaded)


def docker(**fields: object) -> bytes:
    members = {"c.json": BUILT.config, "l.tar": BUILT.layers[0]}
    listed = [{"Config": "c.json", "Layers": ["l.tar"], "RepoTags": ["x:1"]} | fields]
    return tars.outer(members | {"manifest.json": json.dumps(listed).encode()})


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"rubbish" * 200,
        tars.outer({}),
        tars.outer({"manifest.json": b"{}"}),
        tars.outer({"manifest.json": b"[" * 100_000}),
        tars.outer({"manifest.json": b'[{"Config": "../../../etc/passwd"}]'}),
        tars.outer({"manifest.json": b'[{"Config": "/etc/passwd"}]'}),
        tars.outer({"manifest.json": b" " * (21 << 20)}),
        docker(Layers=["../../../etc/passwd"]),
        docker(Layers=["/etc/passwd"]),
        docker(Layers=[]),
        docker(Layers=["l.tar", "l.tar"]),
        docker(Layers="l.tar"),
        docker(RepoTags=["../../x"]),
        docker(RepoTags=["x@sha256:" + "0" * 64]),
        docker(RepoTags=["UPPER:1"]),
        docker(RepoTags=["x"]),
        docker(RepoTags=[tars.digest(b"")]),
        tars.outer({"index.json": b'{"schemaVersion":2,"manifests":[]}'}),
        tars.outer({"index.json": BUILT.manifest, "oci-layout": b"{}"}),
    ],
)
def test_archives_that_are_refused(world, archive: bytes) -> None:
    with pytest.raises((InvalidArgument, SampanError)):
        world.load(archive)


@pytest.mark.parametrize("name", ["index.json", "manifest", "config", "layer"])
def test_any_damaged_part_of_a_layout(world, name: str) -> None:
    digests = {"manifest": BUILT.manifest, "config": BUILT.config, "layer": BUILT.layers[0]}
    archive = tars.oci_layout(BUILT)
    spoiled = archive.replace(digests[name], digests[name][:-1] + b"\x01") if name in digests else archive
    if name == "index.json":
        spoiled = archive.replace(b'"schemaVersion": 2, "manifests"', b'"schemaVersion": 3, "manifests"')
    with pytest.raises(InvalidArgument):
        world.load(spoiled)


def test_members_that_are_links_stay_in_the_archive(world) -> None:
    """docker save once wrote `layer.tar` as a link to another image's; what leads out of the archive is not
    there."""
    listed = json.dumps([{"Config": "c.json", "Layers": ["a/layer.tar"]}]).encode()
    whole = [tars.file("c.json", BUILT.config), tars.file("b/layer.tar", BUILT.layers[0])]
    for target, good in (("../b/layer.tar", True), ("../../../../etc/passwd", False), ("/etc/passwd", False)):
        archive = tars.tarball(
            *whole, tars.symlink("a/layer.tar", target), tars.file("manifest.json", listed)
        )
        if good:
            drop(world, world.load(archive))
        else:
            with pytest.raises(InvalidArgument, match="missing"):
                world.load(archive)


def test_a_digest_is_never_answered_by_a_name(world) -> None:
    """CVE-2026-50195, moby's ghsa-ambiguous-pull-by-digest: an archive can give names, but no digests."""
    loaded = world.load(tars.docker_archive(BUILT, "x:1"))
    with pytest.raises(NotFound):
        resolve.find(world.images, "x@" + tars.digest(BUILT.manifest))
    drop(world, loaded)


def test_a_layer_that_two_images_share_is_kept_until_both_are_gone(world) -> None:
    first = world.load(tars.docker_archive(BUILT, "one:1"))
    second = world.load(tars.docker_archive(tars.image(LAYER, tars.tarball()), "two:1"))
    number = world.images.records.get(first[0].id).layers[0].number
    assert world.images.records.get(second[0].id).layers[0].number == number
    drop(world, first)
    assert resolve.find(world.images, "two:1").layers[0] == number
    with open(f"{world.images.store.layer_path(number)}/hello") as file:
        assert file.read() == "hello"
    drop(world, second)


def test_a_container_keeps_its_layers(world) -> None:
    loaded = world.load(tars.docker_archive(BUILT, "x:1"))
    image = resolve.find(world.images, "x:1")
    database = world.images.store.database
    with database.transaction() as sql:
        world.images.layers.hold(sql, "c1", image.layers)
    drop(world, loaded)
    with open(f"{world.images.store.layer_path(image.layers[0])}/hello") as file:
        assert file.read() == "hello"
    with database.transaction() as sql:
        world.images.layers.release(sql, "c1")
    world.images.store.collect()


def test_names_ids_and_words(world) -> None:
    images, no_one = world.images, lambda _: []
    loaded = world.load(tars.docker_archive(BUILT, "x:1"))
    image_id = loaded[0].id
    tag(images, "x:1", "other", "v2")
    for word in ("x:1", "other:v2", image_id, image_id[7:], image_id[7:19], image_id[:19]):
        assert resolve.find(images, word).id == image_id
    with pytest.raises(NotFound, match="No such image: x:latest"):
        resolve.find(images, "x")
    with pytest.raises(Conflict, match=r"\(must be forced\) - image is referenced in multiple repositories"):
        remove.remove(images, image_id, no_one)
    assert remove.remove(images, "other:v2", no_one) == [remove.Removed(untagged="other:v2")]
    running = lambda _: [remove.User("c" * 64, running=True)]  # noqa: E731
    with pytest.raises(
        Conflict, match=r'unable to remove repository reference "x:1" \(must force\) - container c{12}'
    ):
        remove.remove(images, "x:1", running)
    assert inspect.inspect(images, "x:1", (1, 51))["RootFS"]["Layers"] == [tars.digest(LAYER)]
    assert history.history(images, "x:1") == []
    assert [one.RepoTags for one in listing.listing(images, {}, version=(1, 51), moment=float)] == [["x:1"]]
    assert remove.remove(images, "x:1", no_one) == [
        remove.Removed(untagged="x:1"),
        remove.Removed(deleted=image_id),
        remove.Removed(deleted=tars.digest(LAYER)),
    ]


def test_host_is_listed_once_it_was_used_and_a_users_own_wins(world) -> None:
    from sampan.engine.images import mount

    images, no_one = world.images, lambda _: []
    host = resolve.find(images, "host")
    assert host.is_host
    assert listing.listing(images, {}, version=(1, 51), moment=float) == []
    assert mount.lowerdirs(images, host) == ["/"]
    assert "/run" in mount.masked(images, host)
    assert [one.RepoTags for one in listing.listing(images, {}, version=(1, 51), moment=float)] == [
        ["host:latest"]
    ]
    assert remove.remove(images, "host", no_one) == [remove.Removed(untagged="host:latest")]
    loaded = world.load(tars.docker_archive(BUILT, "host:latest"))
    assert resolve.find(images, "host").id == loaded[0].id
    drop(world, loaded)
    with images.store.database.transaction() as sql:
        sql.execute("UPDATE images SET tagged = created WHERE host")


def test_two_layers_a_hundred_and_many(world) -> None:
    layers = [tars.tarball(tars.file(f"f{number}", b"x")) for number in range(130)]
    loaded = world.load(tars.docker_archive(tars.image(*layers)))
    assert len(resolve.find(world.images, loaded[0].id).layers) == 130
    drop(world, loaded)


def test_a_full_disk_is_told_and_leaves_nothing(world, monkeypatch) -> None:
    monkeypatch.setattr(type(world.images.store), "free", lambda _: 4096)
    big = tars.image(tars.tarball(tars.file("big", bytes(100_000))))
    with pytest.raises(SampanError, match="no space left on device"):
        world.import_(tars.tarball(tars.file("big", bytes(100_000))))
    world.registry.add("library/big", "latest", big)
    with pytest.raises(SampanError, match="no space left on device"):
        world.pull("library/big")
    for name in os.listdir(world.images.store.path("ingest")):
        os.unlink(world.images.store.path("ingest", name))


def test_loading_at_once(world) -> None:
    archive, results = tars.docker_archive(BUILT, "x:1"), []
    threads = [threading.Thread(target=lambda: results.append(world.load(archive))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({loaded[0].id for loaded in results}) == 1
    drop(world, results[0])
