"""Old engines for the positive controls, and a canary.

SAMPAN_CONTROL=unix:///… is the socket of an old dockerd: what the attacks do there, they do to containers of
their own.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.attacks import Canary, imported
from harness.clients import Client, stock
from harness.looking import fresh
from harness.old import Runtime, found


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "canary")


def _old(name: str, fixed: tuple[int, ...], directory: Path) -> Runtime:
    program = found(name)
    if program is None:
        pytest.skip(f"control: {name} is not installed")
    runtime = Runtime(program, directory / name)
    if runtime.version >= fixed:
        pytest.skip(f"control: {name} {'.'.join(map(str, runtime.version))} has the fix")
    return runtime


@pytest.fixture
def runc(tmp_path: Path) -> Runtime:
    """Older than what mended its handling of paths in 2025 (1.2.8, 1.3.3)."""
    return _old("runc", (1, 2, 8), tmp_path)


@pytest.fixture
def control() -> Client:
    host = os.environ.get("SAMPAN_CONTROL", "")
    if not host:
        pytest.skip("control: no old dockerd (SAMPAN_CONTROL)")
    return stock({**os.environ, "DOCKER_HOST": host})


@pytest.fixture
def crun(tmp_path: Path) -> Runtime:
    """1.21 still has the fault."""
    return _old("crun", (1, 22), tmp_path)


@pytest.fixture
def image(sampan: Client) -> Iterator[Callable[..., str]]:
    """`image(("dev", "-> /x"))`: an image with busybox and that, gone after the test."""
    made: list[str] = []

    def make(*entries: tuple[str, str]) -> str:
        made.append(imported(sampan, fresh("hostile"), *entries))
        return made[-1]

    yield make
    for name in made:
        sampan("rmi", "-f", name, check=False)
