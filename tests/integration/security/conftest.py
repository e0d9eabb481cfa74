"""An old runtime for the positive controls, and a canary."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.attacks import Canary, imported
from harness.clients import Client
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
def image(sampan: Client) -> Iterator[Callable[..., str]]:
    """`image(("dev", "-> /x"))`: an image with busybox and that, gone after the test."""
    made: list[str] = []

    def make(*entries: tuple[str, str]) -> str:
        made.append(imported(sampan, fresh("hostile"), *entries))
        return made[-1]

    yield make
    for name in made:
        sampan("rmi", "-f", name, check=False)
