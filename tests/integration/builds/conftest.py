"""Builds on the shared daemon: images and cache are gone after each test."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from harness import audit
from harness.clients import Client, Result, ours
from harness.daemon import Daemon, fresh_root

Files = Mapping[str, str | bytes]
IMAGES = ("busybox", "debian", "nginx", "python")
_pictures: dict[str, audit.Picture] = {}


@pytest.fixture(scope="session")
def shared_daemon(registry: str) -> Iterator[Daemon]:
    """One of our own: with python, which takes too long to pull for each test."""
    with audit.leaving_nothing(Daemon(fresh_root(), registry)) as daemon:
        sampan = ours(daemon.environment())
        for image in IMAGES:
            sampan("pull", "-q", image, timeout=300)
        sampan("run", "--rm", "host", "true")  # from now on it is listed
        (daemon.data / "layers/0/diff").mkdir(parents=True, exist_ok=True)  # below what is FROM scratch
        yield daemon


@pytest.fixture
def daemon(shared_daemon: Daemon) -> Iterator[Daemon]:
    """What a test leaves behind fails it, and is taken away."""
    before = _pictures.pop("builds", None) or audit.settled(shared_daemon)
    yield shared_daemon
    if leaked := audit.difference(shared_daemon, before):
        shared_daemon.empty()
        pytest.fail("\n".join(leaked), pytrace=False)
    _pictures["builds"] = before


def write(directory: Path, files: Files) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


class Builder:
    """`builder(files, *flags)` builds a context of these files: the image's name. `result`: of the last."""

    def __init__(self, sampan: Client, directory: Path) -> None:
        self.sampan = sampan
        self.directory = directory
        self.result = Result(0, "", "")
        self._names: list[str] = []

    def __call__(self, files: Files, *flags: str, check: bool = True, stdin: bytes = b"") -> str:
        write(self.directory, files)
        return self.again(*flags, check=check, stdin=stdin)

    def again(self, *flags: str, check: bool = True, stdin: bytes = b"") -> str:
        """The same context, as it is now."""
        self._names.append(f"t{os.urandom(4).hex()}")
        self.result = self.sampan(
            "build", "--progress=plain", "-t", self._names[-1], *flags, str(self.directory), check=check,
            stdin=stdin, timeout=240,
        )  # fmt: skip
        return self._names[-1]

    def run(self, image: str, *command: str) -> str:
        return self.sampan("run", "--rm", image, *command).out

    def cached(self) -> int:
        return sum(line.endswith(" CACHED") for line in self.result.err.splitlines())

    def forget(self) -> None:
        self.sampan("rmi", "-f", *self._names, check=False)
        self.sampan("image", "prune", "-f")
        self.sampan("builder", "prune", "-af")


@pytest.fixture
def builder(sampan: Client, tmp_path: Path) -> Iterator[Builder]:
    directory = tmp_path / "context"
    directory.mkdir()
    made = Builder(sampan, directory)
    yield made
    made.forget()


@pytest.fixture
def failed(builder: Builder) -> Callable[..., str]:
    """Build what must fail: what was said."""

    def fail(files: Files, *flags: str) -> str:
        builder(files, *flags, check=False)
        assert builder.result.code == 1, builder.result
        return builder.result.err

    return fail
