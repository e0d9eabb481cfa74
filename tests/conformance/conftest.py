"""Images and networks that a test makes: named, and gone afterwards."""

import os
from collections.abc import Callable, Iterator

import pytest

from harness.clients import Client

Run = Callable[..., str]


@pytest.fixture
def new_image(cli: Client) -> Iterator[Callable[[], str]]:
    """`new_image()` is a name that no image has yet; whatever got it is removed in the end."""
    made: list[str] = []

    def name() -> str:
        made.append(f"t{os.urandom(4).hex()}")
        return made[-1]

    yield name
    for repository in made:
        found = cli("images", "-q", "--no-trunc", repository).out.split()
        if found:
            cli("rmi", "-f", *dict.fromkeys(found), check=False)


@pytest.fixture
def network(cli: Client, container: Run) -> Iterator[Callable[..., str]]:
    """`network("--internal")` makes one: its name. It is gone after the test, and the containers on it."""
    made: list[str] = []

    def create(*flags: str) -> str:
        name = f"n{os.urandom(4).hex()}"
        made.append(name)
        cli("network", "create", *flags, name)
        return name

    yield create
    for name in made:
        if on_it := cli("ps", "-aq", "--filter", f"network={name}", check=False).out.split():
            cli("rm", "-f", "-v", *on_it, check=False)
    if made:
        cli("network", "rm", *made, check=False)
