"""A daemon that a test may kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import audit
from harness.clients import Client, ours
from harness.daemon import Daemon


@pytest.fixture
def own(registry: str, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon of this test alone, with busybox. In the end nothing of it is left."""
    daemon = Daemon(tmp_path / "d", registry)
    daemon.start()
    ours(daemon.environment())("pull", "-q", "busybox")
    before = audit.settled(daemon)
    yield daemon
    daemon.empty()
    leaked = audit.difference(daemon, before)
    daemon.remove()
    assert leaked + audit.remains(daemon, before) == []


@pytest.fixture
def boat(own: Daemon) -> Client:
    """Our command line at that daemon."""
    return ours(own.environment())
