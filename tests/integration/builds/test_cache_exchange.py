"""Caches that were left somewhere else, and are found there by a daemon that has nothing of its own."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.clients import stock
from harness.daemon import Daemon

# What a tar could lose, and what is another each time.
NASTY = """
cd / && rm -r /home && mkdir /home /n && cd /n && cat /proc/sys/kernel/random/uuid > now
truncate -s 3M hole && echo x >> hole && ln hole hard && ln -s ../n/now soft && mkfifo pipe
touch -d '2001-01-01 01:02:03' old && chown 99999:77777 old && chmod 6751 old && touch "$(printf 'n%0150d' 1)"
"""
FILES = {
    "Dockerfile": f"""# syntax=docker/dockerfile:1
FROM busybox AS other
RUN cat /proc/sys/kernel/random/uuid > /other
FROM busybox
RUN <<EOF{NASTY}EOF
COPY f /f
RUN true
COPY --from=other /other /other
""",
    "f": "one",
}
STEPS = 5


@pytest.fixture(params=["registry, all", "registry", "directory", "image"])
def flags(request: pytest.FixtureRequest, address: str, tmp_path: Path) -> tuple[list[str], list[str]]:
    """To leave a cache somewhere, and to find it there."""
    name = f"{address}/cache:x"
    return {
        "registry, all": (["--cache-to", f"type=registry,ref={name},mode=max"], ["--cache-from", name]),
        "registry": (["--cache-to", name], ["--cache-from", f"type=registry,ref={name}"]),
        "directory": (
            ["--cache-to", f"type=local,dest={tmp_path}/kept,mode=max"],
            ["--cache-from", f"type=local,src={tmp_path}/kept"],
        ),
        "image": (["--cache-to", "type=inline", "-t", name], ["--cache-from", name]),
    }[request.param]


def identity(builder: Any, image: str) -> str:
    found: str = json.loads(builder.sampan("inspect", image).out)[0]["Id"]
    return found


def forget(builder: Any, *images: str) -> None:
    builder.sampan("rmi", "-f", *images)
    builder.sampan("builder", "prune", "-af")


def test_a_cache_from_elsewhere_gives_the_same_image(
    builder: Any, flags: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    there, back = flags
    inline = [word for word in there if word == "type=inline"]
    again = ["--cache-to", *inline] if inline else []
    first = identity(builder, builder(FILES, *there))
    if inline:
        builder.sampan("push", there[-1])
    forget(builder, first)
    without = builder.again(*again)
    assert identity(builder, without) != first
    forget(builder, without)
    found = builder.again(*back, *again)
    # The other stage is no part of the image: where only that was kept, it is made again.
    assert builder.cached() == STEPS - ("mode=max" not in there[1]), builder.result.err
    assert identity(builder, found) == first
    _travels(builder, found, tmp_path)
    assert builder.again() and builder.cached() == STEPS  # they are records of our own now


def _travels(builder: Any, image: str, tmp_path: Path) -> None:
    """A layer that came out of a cache is packed again to the bytes that its digest says."""
    identity_before = identity(builder, image)
    builder.sampan("save", "-o", str(tmp_path / "saved.tar"), image)
    builder.sampan("rmi", image)
    builder.sampan("load", "-i", str(tmp_path / "saved.tar"))
    assert identity(builder, image) == identity_before


def test_the_classic_api_takes_names_of_images(builder: Any, daemon: Daemon, address: str) -> None:
    name = f"{address}/image:1"
    files = {"Dockerfile": "FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /now\n"}
    first = identity(builder, builder(files, "--build-arg", "BUILDKIT_INLINE_CACHE=1", "-t", name))
    builder.sampan("push", name)
    now = builder.run(first, "cat", "/now")
    forget(builder, first)
    docker = stock(daemon.environment())
    flags = ("--cache-from", "no/such-image", "--cache-from", name)
    built = docker("build", "-q", *flags, str(builder.directory)).out.strip()
    assert builder.run(built, "cat", "/now") == now
    builder.sampan("rmi", "-f", built)


def test_no_cache_from_elsewhere_is_needed(builder: Any, address: str, tmp_path: Path) -> None:
    """None of these is there, or is one: it is said, and everything is built."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/index.json").write_text("no index")
    places = [f"{address}/none", f"type=local,src={tmp_path}/nothing", f"type=local,src={tmp_path}/bad"]
    builder(FILES, *(word for place in places for word in ("--cache-from", place)))
    assert builder.cached() == 0
    said = builder.result.err
    assert "local cache import at" in said
    assert f"importing cache manifest from {address}/none" in said
    assert "invalid manifest" in said


@pytest.fixture
def kept(builder: Any, tmp_path: Path) -> Path:
    """A cache in a directory, and nothing of it here."""
    forget(builder, builder(FILES, "--cache-to", f"type=local,dest={tmp_path}/kept,mode=max"))
    return tmp_path / "kept"


def test_damaged_layers_are_made_again(builder: Any, kept: Path) -> None:
    for blob in (kept / "blobs/sha256").iterdir():
        data = blob.read_bytes()
        if data[:2] == b"\x1f\x8b":
            blob.write_bytes(data[:-9] + bytes(9))
    image = builder.again("--cache-from", f"type=local,src={kept}")
    assert builder.cached() == 1, builder.result.err  # RUN true: it has none
    assert "a layer of the cache is not to be had" in builder.result.err
    assert builder.run(image, "cat", "/f") == "one"


def test_links_lead_out_of_no_cache(builder: Any, kept: Path, tmp_path: Path) -> None:
    shutil.move(kept / "blobs", tmp_path / "outside")
    (kept / "blobs").symlink_to(tmp_path / "outside")
    builder.again("--cache-from", f"type=local,src={kept}")
    assert builder.cached() == 0


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--cache-to", "type=gha"], 'unknown cache exporter: "gha"'),
        (["--cache-from", "type=s3,bucket=b"], "unknown cache importer: s3"),
        (["--cache-to", "type=local"], "dest is required for local cache exporter"),
        (["--cache-to", "type=registry,ref=127.0.0.1:1/x"], "connection refused"),
    ],
)
def test_places_that_are_none(failed: Any, flags: list[str], sentence: str) -> None:
    assert sentence in failed({"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}, *flags)


def test_an_export_leaves_no_image(builder: Any, tmp_path: Path) -> None:
    """What goes into a file or a directory is not in the store, too; under its name it is in the archive."""
    before = builder.sampan("images", "-a", "-q").out
    name = builder(FILES, "-o", f"type=oci,dest={tmp_path}/layout,tar=false")
    builder.again("-o", f"type=local,dest={tmp_path}/root")
    builder.again("-o", f"type=docker,dest={tmp_path}/docker.tar,name=another:name")
    assert builder.sampan("images", "-a", "-q").out == before
    index = json.loads((tmp_path / "layout/index.json").read_text())
    names = index["manifests"][0]["annotations"]
    assert names["io.containerd.image.name"] == f"docker.io/library/{name}:latest"
    if shutil.which("skopeo"):
        subprocess.run(
            ["skopeo", "inspect", f"oci:{tmp_path}/layout:latest"], check=True, capture_output=True
        )
    assert builder.sampan("load", "-i", str(tmp_path / "docker.tar")).out == "Loaded image: another:name\n"
    builder.sampan("rmi", "another:name")


def test_names_of_an_output(builder: Any) -> None:
    image = builder({"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}, "-o", "type=image,name=given:1")
    assert identity(builder, "given:1") == identity(builder, image)
    builder.sampan("rmi", "given:1")
