"""Images that a test makes: named, and gone afterwards."""

import os
from collections.abc import Callable, Iterator

import pytest

from harness.clients import Client


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
