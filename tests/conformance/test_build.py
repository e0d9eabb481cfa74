"""`build` in both spellings, the stock client with its classic protocol; rows 9 and 10 of the walkthrough."""

import io
import json
import socket
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from harness.clients import Client
from harness.daemon import Daemon
from harness.reference import Reference
from harness.waiting import until

Name = Callable[[], str]


@pytest.fixture
def building(cli: Client) -> Iterator[Client]:
    """The client, told to use the classic builder; the cache is empty afterwards."""
    cli.environment["DOCKER_BUILDKIT"] = "0"
    yield cli
    cli("image", "prune", "-f")
    cli("builder", "prune", "-af", check=False)


def context(directory: Path, dockerfile: str, **files: str) -> str:
    (directory / "Dockerfile").write_text(dockerfile)
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(content)
    return str(directory)


def test_rows_9_and_10(building: Client, new_image: Name, tmp_path: Path) -> None:
    cli, image = building, new_image()
    place = context(tmp_path, "FROM nginx\nADD ./ /usr/share/nginx/html\n", index__html="built page\n")
    cli("build", "-t", image, place)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    name = f"{image}-web"
    cli("run", "-d", "-p", f"{port}:80", "--name", name, image)

    def page() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    assert until(page, what="the page") == "built page\n"
    cli("rm", "-f", name)
    identity = cli("images", "-q", "--no-trunc", image).out
    archive = tmp_path / "test.tar"
    cli("save", "-o", str(archive), image, timeout=200)
    cli("rmi", image)
    cli("load", "-i", str(archive), timeout=200)
    assert cli("images", "-q", "--no-trunc", image).out == identity


def test_quiet_prints_the_id(building: Client, new_image: Name, tmp_path: Path) -> None:
    image = new_image()
    out = building("build", "-q", "-t", image, context(tmp_path, "FROM busybox\nRUN echo a > /a\n")).out
    assert out == building("images", "-q", "--no-trunc", image).out
    assert building("run", "--rm", image, "cat", "/a").out == "a\n"


def test_several_tags_labels_and_arguments(building: Client, new_image: Name, tmp_path: Path) -> None:
    one, two = new_image(), new_image()
    place = context(tmp_path, "FROM busybox\nARG A\nENV A=$A\n")
    building("build", "-t", one, "-t", f"{two}:x", "--build-arg", "A=given", "--label", "l=v", place)
    found = json.loads(building("inspect", one).out)[0]
    assert sorted(found["RepoTags"]) == sorted([f"{one}:latest", f"{two}:x"])
    assert "A=given" in found["Config"]["Env"]
    assert found["Config"]["Labels"]["l"] == "v"


def test_a_command_that_fails(building: Client, tmp_path: Path) -> None:
    result = building("build", context(tmp_path, "FROM busybox\nRUN exit 7\n"), check=False)
    assert result.code in (1, 7)
    assert "/bin/sh -c exit 7" in result.err
    assert "7" in result.err


def test_a_dockerfile_from_stdin(building: Client, new_image: Name) -> None:
    image = new_image()
    building("build", "-t", image, "-", stdin=b"FROM busybox\nRUN echo stdin > /x\n")
    assert building("run", "--rm", image, "cat", "/x").out == "stdin\n"


def test_a_context_from_stdin(building: Client, new_image: Name) -> None:
    image, stream = new_image(), io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in (("Dockerfile", b"FROM busybox\nCOPY f /f\n"), ("f", b"in a tar\n")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    building("build", "-t", image, "-", stdin=stream.getvalue())
    assert building("run", "--rm", image, "cat", "/f").out == "in a tar\n"


def test_a_dockerfile_elsewhere(building: Client, new_image: Name, tmp_path: Path) -> None:
    image, place = new_image(), tmp_path / "context"
    place.mkdir()
    (place / "f").write_text("file\n")
    (tmp_path / "Other").write_text("FROM busybox\nCOPY f /f\n")
    building("build", "-t", image, "-f", str(tmp_path / "Other"), str(place))
    assert building("run", "--rm", image, "cat", "/f").out == "file\n"


def test_what_is_not_there(building: Client, tmp_path: Path) -> None:
    assert building("build", str(tmp_path / "nope"), check=False).code == 1
    missing = building("build", str(tmp_path), check=False)
    assert missing.code == 1
    assert "Dockerfile" in missing.err
    copied = building("build", context(tmp_path, "FROM busybox\nCOPY nope /x\n"), check=False)
    assert copied.code == 1
    assert "nope" in copied.err


def test_ignored_files_stay_out(building: Client, new_image: Name, tmp_path: Path) -> None:
    image = new_image()
    (tmp_path / ".dockerignore").write_text("*.log\n!keep.log\n")
    place = context(tmp_path, "FROM busybox\nCOPY . /c\n", a__log="", keep__log="", b="")
    building("build", "-t", image, place)
    listed = building("run", "--rm", image, "ls", "/c").out.split()
    assert "a.log" not in listed
    assert {"keep.log", "b"} <= set(listed)


def test_docker_py(server: Daemon | Reference, tmp_path: Path) -> None:
    client = docker.DockerClient(base_url=server.host)
    try:
        place = context(tmp_path, "FROM busybox\nRUN echo py\nCMD cat /etc/hostname\n")
        image, log = client.images.build(path=place, tag="t-docker-py", rm=True)
        text = "".join(line.get("stream", "") for line in log)
        assert "Step 1/3 : FROM busybox" in text
        assert "\npy\n" in text
        assert "Successfully tagged t-docker-py:latest" in text
        assert image.tags == ["t-docker-py:latest"]
        (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN exit 3\n")
        with pytest.raises(docker.errors.BuildError, match="returned a non-zero code: 3"):
            client.images.build(path=place)
        client.images.remove("t-docker-py", force=True)
        client.images.prune()
        client.api.prune_builds()
    finally:
        client.close()
