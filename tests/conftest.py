"""A daemon for each module that asks for one, with the test images; and the leak audit."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "images"))

from harness import audit
from harness.clients import Client, clients
from harness.daemon import Daemon

# A fresh clone first makes its tables of characters, an emulated machine is slow at everything: no failure.
hypothesis.settings.register_profile(
    "sampan", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("sampan")

IMAGES = ("busybox", "nginx", "debian")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything that needs the real kernel is left out without root, with its reason."""
    if os.geteuid() == 0:
        return
    for item in items:
        if "integration" in item.path.parts or "conformance" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """The address of a registry with the test images."""
    import registry as registries

    with registries.serve() as served:
        yield served.address


@pytest.fixture(scope="session")
def shared_daemon(registry: str) -> Iterator[Daemon]:
    """One for all tests that only use it; they find the images pulled."""
    import tempfile

    daemon = Daemon(Path(tempfile.mkdtemp(prefix="sampan-", dir="/var/tmp")), registry)
    daemon.start()
    sampan = clients(daemon.environment())[0]
    for image in IMAGES:
        sampan("pull", "-q", image, timeout=300)
    sampan("run", "--rm", "busybox", "true")
    try:
        yield daemon
    finally:
        _empty(daemon)
        daemon.remove()


def _empty(daemon: Daemon) -> None:
    if daemon.process is None or daemon.process.poll() is not None:
        daemon.start()
    sampan = clients(daemon.environment())[0]
    if found := sampan("ps", "-aq").out.split():
        sampan("rm", "-f", "-v", *found, check=False)


@pytest.fixture
def daemon(shared_daemon: Daemon, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """The shared daemon; what a test leaves behind fails it, and is taken away."""
    before = audit.settled(shared_daemon)
    yield shared_daemon
    leaked = audit.difference(shared_daemon, before)
    if leaked:
        _empty(shared_daemon)
        log = shared_daemon.log.read_text()[-2000:]
        pytest.fail("\n".join([*leaked, "", "the daemon's log:", log]), pytrace=False)


@pytest.fixture(params=["sampan", "docker"])
def cli(request: pytest.FixtureRequest, daemon: Daemon) -> Client:
    """Each test in both spellings: our command line, and the stock docker at our socket."""
    for client in clients(daemon.environment()):
        if client.name == request.param:
            return client
    pytest.skip(f"there is no {request.param} on PATH")


@pytest.fixture
def sampan(daemon: Daemon) -> Client:
    """Our command line only: for what is the engine's matter and not the client's."""
    return clients(daemon.environment())[0]


@pytest.fixture
def container(cli: Client) -> Iterator[Callable[..., str]]:
    """`container("-p", "80", "nginx")` runs one in the background: its name. It is gone after the test."""
    made: list[str] = []

    def run(*arguments: str) -> str:
        name = f"t{os.urandom(4).hex()}"
        made.append(name)
        cli("run", "-d", "--name", name, *arguments)
        return name

    yield run
    if made:
        cli("rm", "-f", "-v", *made, check=False)
