"""Images that are broken or hostile, by pull and by load, in both spellings: one clear error each, and
nothing of them stays. The fixture `daemon` sees to the second half, file by file and row by row.

What a layer may and may not do is tried case by case in tests/integration/images; here it is what a
person sees.
"""

import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tars
from fake_registry import FakeRegistry, Request

from harness.clients import Client, Result

OUTSIDE = Path("/var/tmp/sampan-outside")
HOSTILE = {
    "parent name": tars.tarball(tars.file("../evil")),
    "absolute name": tars.tarball(tars.file(f"{OUTSIDE}/evil")),
    "symlinked parent": tars.tarball(tars.symlink("way", str(OUTSIDE)), tars.file("way/evil")),
    "relative symlinked parent": tars.tarball(
        tars.symlink("way", "../" * 20 + str(OUTSIDE)[1:]), tars.file("way/evil")
    ),
    "symlinked parent by a hard link": tars.tarball(tars.hard_link("evil", f"{OUTSIDE}/canary")),
}
NOISE = tars.image(tars.tarball(tars.file("noise", os.urandom(2 << 20))))


@pytest.fixture
def faulty() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture(autouse=True)
def canary() -> Iterator[None]:
    """What the hostile ones aim at is there, and stays as it is."""
    OUTSIDE.mkdir()
    (OUTSIDE / "canary").write_text("sings")
    try:
        yield
        assert [path.name for path in OUTSIDE.iterdir()] == ["canary"]
        assert (OUTSIDE / "canary").read_text() == "sings"
        assert (OUTSIDE / "canary").stat().st_nlink == 1
    finally:
        for path in OUTSIDE.iterdir():
            path.unlink()
        OUTSIDE.rmdir()


@pytest.fixture
def refused(cli: Client) -> Callable[..., str]:
    """A command that fails with one line on stderr: that line. The list of images is as before."""

    def run(*arguments: str, stdin: bytes = b"") -> str:
        before = cli("images", "-a", "--no-trunc").out
        result: Result = cli(*arguments, check=False, stdin=stdin)
        assert result.code == 1, result
        (line,) = result.err.splitlines()
        assert "Traceback" not in line
        assert cli("images", "-a", "--no-trunc").out == before
        return line

    return run


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_layer_is_refused_by_load(refused: Callable[..., str], name: str) -> None:
    archive = tars.docker_archive(tars.image(HOSTILE[name]), "hostile:1")
    assert "evil" in refused("load", stdin=archive)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_layer_is_refused_by_pull(
    refused: Callable[..., str], faulty: FakeRegistry, name: str
) -> None:
    faulty.add("hostile", "1", tars.image(HOSTILE[name]))
    assert "evil" in refused("pull", f"{faulty.address}/hostile:1")


def test_a_layer_with_a_wrong_digest_is_refused_by_pull(
    refused: Callable[..., str], faulty: FakeRegistry
) -> None:
    promised = tars.digest(NOISE.layers[0])
    other = bytearray(NOISE.layers[0])
    other[1 << 20] ^= 1
    faulty.add("wrong", "1", NOISE)
    faulty.content[f"/v2/wrong/blobs/{promised}"] = ("application/octet-stream", bytes(other))
    error = refused("pull", f"{faulty.address}/wrong:1")
    assert promised in error


def test_a_layer_with_a_wrong_digest_is_refused_by_load(refused: Callable[..., str]) -> None:
    layer = tars.tarball(tars.file("a"))
    promised = tars.digest(b"another layer")
    error = refused("load", stdin=tars.docker_archive(tars.image(layer, diff_ids=[promised]), "wrong:1"))
    assert promised in error or tars.digest(layer) in error


def test_a_truncated_layer_is_refused_by_pull(refused: Callable[..., str], faulty: FakeRegistry) -> None:
    """Its digest is right: the registry itself has only half of it."""
    half = NOISE.layers[0][: len(NOISE.layers[0]) // 2]
    manifest = json.loads(NOISE.manifest)
    manifest["layers"][0] |= {"digest": tars.digest(half), "size": len(half)}
    blobs = {tars.digest(half): half, tars.digest(NOISE.config): NOISE.config}
    faulty.add("half", "1", tars.Image(json.dumps(manifest).encode(), NOISE.config, [half], blobs))
    assert "failed to register layer: unexpected EOF" in refused("pull", f"{faulty.address}/half:1")


@pytest.mark.parametrize("where", ["the layer", "the archive"])
def test_a_truncated_layer_is_refused_by_load(refused: Callable[..., str], where: str) -> None:
    half = NOISE.layers[0][: len(NOISE.layers[0]) // 2]
    archive = tars.docker_archive(NOISE._replace(layers=[half]), "half:1")
    if where == "the archive":
        archive = tars.docker_archive(NOISE, "half:1")[: 1 << 20]
    assert refused("load", stdin=archive).endswith(": unexpected EOF")


def test_a_decompression_bomb_is_refused_by_pull(refused: Callable[..., str], faulty: FakeRegistry) -> None:
    faulty.add("bomb", "1", bomb())
    started = time.monotonic()
    assert "decompression bomb" in refused("pull", f"{faulty.address}/bomb:1")
    assert time.monotonic() - started < 60


def test_a_decompression_bomb_is_refused_by_load(refused: Callable[..., str]) -> None:
    assert "decompression bomb" in refused("load", stdin=tars.docker_archive(bomb(), "bomb:1"))


def bomb() -> tars.Image:
    """Half a gigabyte of nothing, of three that its header promises; packed it is half a megabyte."""
    header = tars.patched(tars.file("zeros", b""), 124, b"%011o\0" % (3 << 30))
    packed = gzip.compress(header + bytes(512 << 20), 1, mtime=0)
    built = tars.image(header)
    manifest = json.loads(built.manifest)
    manifest["layers"][0] |= {"digest": tars.digest(packed), "size": len(packed)}
    blobs = {tars.digest(packed): packed, tars.digest(built.config): built.config}
    return tars.Image(json.dumps(manifest).encode(), built.config, [packed], blobs)


def test_a_pull_survives_twenty_dropped_connections(cli: Client, faulty: FakeRegistry) -> None:
    faulty.add("long", "1", NOISE)
    blob = NOISE.layers[0]
    path = f"/v2/long/blobs/{tars.digest(blob)}"
    step = len(blob) // 21 + 1

    def drop(request: Request) -> bool:
        if request.path != path:
            return False
        request.cut(blob, step)
        return True

    faulty.spoil = drop
    name = f"{faulty.address}/long:1"
    assert cli("pull", name, timeout=120).out.splitlines()[-1] == name
    assert [one for one, _ in faulty.requests].count(path) == 21
    cli("rmi", name)
