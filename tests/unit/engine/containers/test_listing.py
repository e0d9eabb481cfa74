"""`ps`: words for states, and filters that say little about a big engine."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from sampan.engine.containers import listing
from sampan.engine.containers.config import Config, HostConfig, NetworkingConfig
from sampan.engine.containers.listing import Wanted
from sampan.engine.containers.record import BoundPort, Container, Definition, Endpoint, MountPoint, Status
from sampan.engine.networks.store import Network, Networks
from sampan.engine.registry import Registry
from sampan.engine.state import State
from sampan.errors import InvalidArgument, NotFound

_SECOND = 1_000_000_000
_PORT = BoundPort(80, "tcp", "0.0.0.0", 8080)


def container(name: str, created: int, status: Status, **config: Any) -> Container:
    return Container(
        Definition(
            id=name.encode().hex().ljust(64, "0"), name=name, created=created, image_id="sha256:0", path="sh",
            args=["-c", "a b"], config=Config(image="busybox", **config),
            host_config=HostConfig(network_mode="bridge"), networking=NetworkingConfig(),
            mounts=[MountPoint("volume", "vol", "/data")] if name == "web" else [],
            lowerdirs=[], masked=[],
        ),
        status,
    )  # fmt: skip


@pytest.fixture
def engine() -> Any:
    registry = Registry()
    running = Status(State.RUNNING, started_at=_SECOND, endpoints=[Endpoint("bridge", ports=[_PORT])])
    for one in (
        container(
            "web", 3, running, labels={"tier": "front", "x": "1"}, exposed_ports={"80/tcp": {}, "90/udp": {}}
        ),
        container(
            "db", 2, Status(State.EXITED, exit_code=3, started_at=1, finished_at=_SECOND), labels={"x": "2"}
        ),
        container("new", 1, Status()),
    ):
        registry.add(one)
    networks = Networks(None)  # type: ignore[arg-type]  # nothing is written here
    networks.predefine(Network("id-of-bridge", "bridge", 0))
    volumes = SimpleNamespace(directory=lambda name: f"/volumes/{name}")
    records = SimpleNamespace(id_of=lambda image_id: image_id, by_tag=lambda repository, tag: "sha256:0")
    images = SimpleNamespace(records=records)
    return SimpleNamespace(containers=registry, networks=networks, volumes=volumes, images=images)


def names(engine: Any, **wanted: Any) -> list[str]:
    return [one.name for one in listing.listing(engine, Wanted(**wanted))]


def test_newest_first_and_only_what_runs(engine: Any) -> None:
    assert names(engine) == ["web"]
    assert names(engine, everything=True) == ["web", "db", "new"]
    assert names(engine, limit=2) == ["web", "db"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": ["web"]}, ["web"]),
        ({"name": ["w", "d"]}, ["web", "db", "new"]),
        ({"name": ["^/?web$"]}, ["web"]),
        ({"name": ["e.$"]}, ["web", "new"]),
        ({"name": ["("]}, []),
        ({"id": ["776562"]}, ["web"]),
        ({"label": ["x"]}, ["web", "db"]),
        ({"label": ["x", "tier=front"]}, ["web"]),
        ({"label": ["x=3"]}, []),
        ({"status": ["created", "exited"]}, ["db", "new"]),
        ({"exited": ["3"]}, ["db"]),
        ({"exited": ["0"]}, []),
        ({"before": ["db"]}, ["new"]),
        ({"since": ["db"]}, ["web"]),
        ({"volume": ["vol"]}, ["web"]),
        ({"volume": ["/data"]}, ["web"]),
        ({"network": ["bridge"]}, ["web", "db", "new"]),
        ({"network": ["id-of-b"]}, ["web", "db", "new"]),
        ({"network": ["host"]}, []),
        ({"publish": ["8080"]}, ["web"]),
        ({"publish": ["8000-9000/tcp"]}, ["web"]),
        ({"publish": ["8080/udp"]}, []),
        ({"expose": ["90/udp"]}, ["web"]),
        ({"health": ["none"]}, ["web", "db", "new"]),
        ({"health": ["healthy"]}, []),
        ({"name": ["web"], "status": ["exited"]}, []),
    ],
)
def test_filters(engine: Any, filters: dict[str, list[str]], expected: list[str]) -> None:
    assert names(engine, everything=True, filters=filters) == expected


def test_a_filter_by_state_looks_at_all(engine: Any) -> None:
    assert names(engine, filters={"status": ["exited"]}) == ["db"]


@pytest.mark.parametrize(
    "filters", [{"status": ["foo"]}, {"exited": ["x"]}, {"publish": ["x"]}, {"expose": ["1-x"]}]
)
def test_filters_that_are_wrong(engine: Any, filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidArgument):
        names(engine, filters=filters)


def test_a_container_that_is_not_there(engine: Any) -> None:
    with pytest.raises(NotFound, match="No such container: zz"):
        names(engine, filters={"before": ["zz"]})


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "a*a*a*a*a*a*a*b", "(a*)*" * 10 + "b", "a{1,99}{1,99}{1,99}"]
)
def test_no_pattern_takes_for_ever(engine: Any, pattern: str) -> None:
    for number in range(100):
        engine.containers.add(container("a" * 60 + str(number), 10, Status()))
    began = time.process_time()
    names(engine, everything=True, filters={"name": [pattern]})
    assert time.process_time() - began < 1


def test_a_row(engine: Any) -> None:
    row = listing.row(engine, engine.containers.find("web"), 6 * _SECOND)
    assert (row["Names"], row["Command"], row["Status"]) == (["/web"], "sh -c 'a b'", "Up 5 seconds")
    assert row["Ports"] == [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 90, "Type": "udp"},
    ]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status(), "Created"),
        (Status(State.PAUSED, started_at=_SECOND), "Up 1 second (Paused)"),
        (Status(State.EXITED, exit_code=137, finished_at=_SECOND), "Exited (137) 1 second ago"),
        (Status(State.RESTARTING, exit_code=1, finished_at=_SECOND), "Restarting (1) 1 second ago"),
        (Status(State.REMOVING), "Removal In Progress"),
        (Status(State.DEAD), "Dead"),
    ],
)
def test_words_for_states(status: Status, text: str) -> None:
    assert listing.status_text(container("x1", 1, status), 2 * _SECOND) == text
