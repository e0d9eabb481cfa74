"""ADD and contexts from elsewhere: a web server on this machine, and a git repository behind it."""

import functools
import hashlib
import http.server
import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """(what is served, its address)."""
    root = tmp_path / "web"
    root.mkdir()
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield root, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def packed(**files: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return stream.getvalue()


def test_a_url(builder: Any, web: tuple[Path, str]) -> None:
    root, address = web
    (root / "f.tgz").write_bytes(packed(inner="x"))
    digest = hashlib.sha256((root / "f.tgz").read_bytes()).hexdigest()
    dockerfile = (
        f"FROM busybox\nADD --checksum=sha256:{digest} {address}/f.tgz /a/\nADD {address}/f.tgz /b\n"
        f"ADD --unpack=true --chown=7 {address}/f.tgz /c/\nCMD stat -c '%n %a %u' /a/f.tgz /b /c/inner"
    )
    image = builder({"Dockerfile": dockerfile})
    assert builder.run(image) == "/a/f.tgz 600 0\n/b 600 0\n/c/inner 644 7\n"
    builder.again()
    assert builder.cached() == 3
    (root / "f.tgz").write_bytes(packed(inner="y"))
    builder.again(check=False)
    assert "digest mismatch" in builder.result.err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{address}/none", "404"),
        ("{address}/", "cannot determine filename"),
        ("http://127.0.0.1:1/x", "refused"),
    ],
)
def test_what_cannot_be_fetched(builder: Any, web: tuple[Path, str], source: str, said: str) -> None:
    builder({"Dockerfile": f"FROM busybox\nADD {source.format(address=web[1])} /x\n"}, check=False)
    assert builder.result.code == 1
    assert said in builder.result.err


def test_a_context_behind_a_url(builder: Any, web: tuple[Path, str]) -> None:
    root, address = web
    (root / "context.tar.gz").write_bytes(packed(Dockerfile="FROM busybox\nCOPY f /f\nCMD cat /f", f="tar\n"))
    (root / "Only").write_text("FROM busybox\nCMD echo alone\n")
    for place, output in ((f"{address}/context.tar.gz", "tar\n"), (f"{address}/Only", "alone\n")):
        name = f"t{os.urandom(4).hex()}"
        builder.sampan("build", "-t", name, place)
        assert builder.run(name) == output
        builder.sampan("rmi", "-f", name)


@pytest.fixture
def repository(web: tuple[Path, str], tmp_path: Path) -> str:
    """Served the dumb way (git-http-backend(1)): files, and what update-server-info says of them."""
    root, address = web
    work = tmp_path / "work"
    environment = {**os.environ, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")

    def git(*words: str) -> None:
        subprocess.run(["git", *identity, *words], check=True, capture_output=True, env=environment)

    git("init", "-q", "-b", "main", str(work))
    (work / "sub").mkdir()
    (work / "sub/Dockerfile").write_text("FROM busybox\nCOPY f /f\nCMD cat /f\n")
    (work / "sub/f").write_text("from git\n")
    os.symlink("/etc", work / "escape")
    git("-C", str(work), "add", "-A")
    git("-C", str(work), "commit", "-qm", "one")
    git("clone", "-q", "--bare", str(work), str(root / "r.git"))
    git("-C", str(root / "r.git"), "update-server-info")
    return f"{address}/r.git"


def test_a_repository_as_context(builder: Any, repository: str) -> None:
    name = f"t{os.urandom(4).hex()}"
    flags = ("--network", "host", "-t", name)
    builder.sampan("build", *flags, f"{repository}#main:sub")
    assert builder.run(name) == "from git\n"
    builder.sampan("rmi", "-f", name)
    said = builder.sampan("build", *flags, f"{repository}#main:escape", check=False)
    assert said.code == 1
    assert "no directory" in said.err


def test_a_repository_in_add(builder: Any, repository: str) -> None:
    dockerfile = f"FROM busybox\nADD {repository}#main:sub /src\nRUN ls -A /src; cat /src/f\n"
    builder({"Dockerfile": dockerfile}, "--network", "host")
    assert "from git" in builder.result.err
    assert ".git" not in builder.result.err.split("ls -A")[-1]
