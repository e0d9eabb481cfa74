"""`save` and `load`: the same images, the same bytes, and archives that others read."""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Client

Run = Callable[..., str]
Name = Callable[[], str]


def identity(cli: Client, image: str) -> str:
    return cli("inspect", "-f", "{{.Id}}", image).out.strip()


@pytest.fixture
def made(cli: Client, container: Run, new_image: Name) -> str:
    """An image with a committed layer, of which there is no blob."""
    name = container("busybox", "sh", "-c", "echo saved > /saved; ln /saved /twin; rm /etc/group")
    cli("wait", name)
    image = new_image()
    cli("commit", name, f"{image}:one")
    cli("tag", f"{image}:one", f"{image}:two")
    return image


def documents(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as archive:
        names = ("manifest.json", "index.json", "oci-layout", "repositories")
        return {name: json.load(archive.extractfile(name)) for name in names}  # type: ignore[arg-type]


def test_it_comes_back_with_the_same_id(cli: Client, made: str, tmp_path: Path) -> None:
    before = identity(cli, f"{made}:one")
    cli("save", "-o", f"{tmp_path}/a.tar", f"{made}:one", f"{made}:two", "busybox")
    cli("rmi", f"{made}:one", f"{made}:two")
    loaded = cli("load", "-i", f"{tmp_path}/a.tar").out.splitlines()
    assert sorted(loaded) == sorted(
        f"Loaded image: {name}" for name in ("busybox:latest", f"{made}:one", f"{made}:two")
    )
    assert identity(cli, f"{made}:one") == identity(cli, f"{made}:two") == before
    script = "cat /saved; stat -c %h /twin; ls /etc/group"
    assert cli("run", "--rm", f"{made}:one", "sh", "-c", script, check=False).out == "saved\n2\n"


def test_the_same_bytes_twice(cli: Client, made: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        cli("save", "-o", f"{tmp_path}/{name}", made, "busybox:latest")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_both_formats_in_one(cli: Client, made: str, tmp_path: Path) -> None:
    cli("save", "-o", f"{tmp_path}/a.tar", made)
    found = documents(tmp_path / "a.tar")
    assert found["manifest.json"][0]["RepoTags"] == [f"{made}:one", f"{made}:two"]
    notes = [entry["annotations"]["io.containerd.image.name"] for entry in found["index.json"]["manifests"]]
    assert notes == [f"docker.io/library/{made}:one", f"docker.io/library/{made}:two"]
    assert set(found["repositories"][made]) == {"one", "two"}


def test_what_is_refused(cli: Client, tmp_path: Path) -> None:
    refused = cli("save", "-o", f"{tmp_path}/a", "absent:1", check=False)
    assert refused.code == 1
    assert "absent:1" in refused.err
    assert os.listdir(tmp_path) == []
    refused = cli("save", "-o", f"{tmp_path}/no/a", "busybox", check=False)
    assert f"failed to save image: invalid output path: stat {tmp_path}/no: no such file" in refused.err


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
def test_skopeo_reads_it_and_we_read_skopeos(cli: Client, made: str, tmp_path: Path, transport: str) -> None:
    cli("save", "-o", f"{tmp_path}/a.tar", f"{made}:one")
    source = f"{transport}:{tmp_path}/a.tar" + (f":{made}:one" if transport == "docker-archive" else "")
    target = f"docker-archive:{tmp_path}/b.tar:{made}:back"
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", source, target], check=True, timeout=120)
    cli("load", "-i", f"{tmp_path}/b.tar")
    assert cli("run", "--rm", f"{made}:back", "cat", "/saved").out == "saved\n"


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeos_own_layout(cli: Client, made: str, tmp_path: Path) -> None:
    """With another manifest around them, the same configuration and layers are the same image."""
    cli("save", "-o", f"{tmp_path}/a.tar", f"{made}:one")
    source, target = f"docker-archive:{tmp_path}/a.tar", f"oci-archive:{tmp_path}/b.tar:{made}:layout"
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", source, target], check=True, timeout=120)
    assert "Loaded image" in cli("load", "-i", f"{tmp_path}/b.tar").out
    assert cli("run", "--rm", f"{made}:one", "cat", "/saved").out == "saved\n"


def test_several_at_once_through_a_pipe(cli: Client, made: str, new_image: Name, tmp_path: Path) -> None:
    """An image with two names, and another on the same layers: each layer is in the archive once."""
    other = new_image()
    cli("build", "-q", "-t", f"{other}:x", "-", stdin=f"FROM {made}:one\nLABEL a=b\n".encode())
    names = [f"{made}:one", f"{made}:two", f"{other}:x"]
    with (tmp_path / "all.tar").open("wb") as file:
        subprocess.run(
            [cli.program, "save", *names], stdout=file, env=cli.environment, check=True, timeout=240
        )
    found = documents(tmp_path / "all.tar")
    assert [entry["RepoTags"] for entry in found["manifest.json"]] == [names[:2], names[2:]]
    with tarfile.open(tmp_path / "all.tar") as archive:
        assert len(archive.getnames()) == len(set(archive.getnames()))
    before = [identity(cli, name) for name in names]
    cli("rmi", *names)
    cli("load", stdin=(tmp_path / "all.tar").read_bytes())
    assert [identity(cli, name) for name in names] == before


REAL = os.environ.get("SAMPAN_BESIDE", "")  # the socket of a dockerd that may load and save


@pytest.mark.skipif(not REAL, reason="SAMPAN_BESIDE names no real dockerd")
def test_a_real_dockerd_reads_it(cli: Client, made: str, tmp_path: Path) -> None:
    cli("save", "-o", f"{tmp_path}/a.tar", f"{made}:one")
    dockerd = Client("docker", "docker", {**cli.environment, "DOCKER_HOST": REAL})
    try:
        assert dockerd("load", "-i", f"{tmp_path}/a.tar").out.strip() == f"Loaded image: {made}:one"
        assert identity(dockerd, f"{made}:one") == identity(cli, f"{made}:one")
        assert dockerd("run", "--rm", "--network", "none", f"{made}:one", "cat", "/saved").out == "saved\n"
        dockerd("save", "-o", f"{tmp_path}/b.tar", f"{made}:one")
    finally:
        dockerd("rmi", "-f", f"{made}:one", check=False)
    before = identity(cli, f"{made}:one")
    cli("rmi", "-f", before)
    cli("load", "-i", f"{tmp_path}/b.tar")
    assert identity(cli, f"{made}:one") == before
