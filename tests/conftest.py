"""A daemon with the test images for all tests that only use it; its clients; and the leak audit.

Against a real dockerd, with the stock client only: `SAMPAN_REFERENCE=unix:///… pytest tests/conformance`.
With another default runtime under our daemons: `SAMPAN_TEST_RUNTIME=runc pytest tests/conformance`.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "images"))

from harness import audit
from harness.clients import Client, ours, stock
from harness.daemon import Daemon, fresh_root
from harness.reference import Reference

# A fresh clone first makes its tables of characters, an emulated machine is slow at everything: no failure.
hypothesis.settings.register_profile(
    "sampan", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("sampan")

IMAGES = ("busybox", "nginx", "debian")
REFERENCE = os.environ.get("SAMPAN_REFERENCE", "")
_pictures: dict[str, audit.Picture] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything that needs the real kernel is left out without root, with its reason."""
    if REFERENCE:
        _only_what_the_reference_can_answer(config, items)
    if os.geteuid() == 0:
        return
    for item in items:
        if "integration" in item.path.parts or "conformance" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason="needs root"))


def _only_what_the_reference_can_answer(config: pytest.Config, items: list[pytest.Item]) -> None:
    def can(item: pytest.Item) -> bool:
        names = getattr(item, "fixturenames", ())
        spelled = getattr(getattr(item, "callspec", None), "params", {}).get("cli", "docker")
        return "conformance" in item.path.parts and "sampan" not in (*names, spelled)

    config.hook.pytest_deselected(items=[item for item in items if not can(item)])
    items[:] = [item for item in items if can(item)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure comes with the last words of the daemon."""
    report = yield
    for daemon in getattr(item, "funcargs", {}).values():
        if report.failed and isinstance(daemon, Daemon) and daemon.log.exists():
            report.sections.append(("the daemon's log", daemon.log.read_text(errors="replace")[-4000:]))
    return report


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """The address of a registry with the test images."""
    import registry as registries

    with registries.serve() as served:
        yield served.address


@pytest.fixture(scope="session")
def shared_daemon(registry: str) -> Iterator[Daemon]:
    with audit.leaving_nothing(Daemon(fresh_root(), registry)) as daemon:
        sampan = ours(daemon.environment())
        for image in IMAGES:
            sampan("pull", "-q", image, timeout=300)
        sampan("run", "--rm", "--init", "busybox", "true")  # what is made once, is there
        yield daemon


@pytest.fixture(scope="session")
def reference() -> Iterator[Reference]:
    dockerd = Reference(REFERENCE)
    dockerd.prepare(IMAGES)
    yield dockerd
    dockerd.restore()


@pytest.fixture
def daemon(shared_daemon: Daemon) -> Iterator[Daemon]:
    """The shared daemon; what a test leaves behind fails it, and is taken away."""
    before = _pictures.pop("shared", None) or audit.settled(shared_daemon)
    yield shared_daemon
    if leaked := audit.difference(shared_daemon, before):
        shared_daemon.empty()
        pytest.fail("\n".join(leaked), pytrace=False)
    _pictures["shared"] = before  # also for the next test: so nothing that comes late is overlooked


@pytest.fixture
def untouched(reference: Reference) -> Iterator[Reference]:
    """The real dockerd; a test leaves no container, volume or image there either."""
    before = reference.things()
    yield reference
    assert reference.things() == before


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Daemon | Reference:
    """What the clients talk to. Marks of the test say what only one of the two can answer."""
    if not REFERENCE:
        found: Daemon = request.getfixturevalue("daemon")
        return found
    dockerd: Reference = request.getfixturevalue("untouched")
    if mark := request.node.get_closest_marker("ours"):
        pytest.skip(f"ours only: {mark.args[0]}")
    if (mark := request.node.get_closest_marker("since")) and dockerd.major < mark.args[0]:
        pytest.skip(f"Docker says and does so since version {mark.args[0]}")
    if request.node.get_closest_marker("pulls") and not dockerd.pulls():
        pytest.skip("this dockerd has no mirror with the test images")
    return dockerd


@pytest.fixture(params=["sampan", "docker"])
def cli(request: pytest.FixtureRequest, server: Daemon | Reference) -> Client:
    """Each test in both spellings: our command line, and the stock docker at our socket."""
    return (ours if request.param == "sampan" else stock)(server.environment())


@pytest.fixture
def sampan(daemon: Daemon) -> Client:
    """Our command line only: for what is the engine's matter and not the client's."""
    return ours(daemon.environment())


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


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of an empty registry that anybody may push to."""
    from harness import guarded

    if not guarded.INSTALLED:
        pytest.skip("docker-registry or openssl is not installed")
    (tmp_path / "r").mkdir()
    with guarded.serve(tmp_path / "r", guarded=False) as found:
        yield found
