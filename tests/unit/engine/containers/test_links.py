"""Links: what is looked up, and what the container sees of the other one."""

from typing import Any, cast

import pytest

from sampan.engine.containers import links
from sampan.engine.containers.config import Config, HostConfig, NetworkingConfig
from sampan.engine.containers.record import Container, Definition, Endpoint, Link
from sampan.engine.engine import Engine
from sampan.engine.networks.store import Networks
from sampan.engine.registry import Registry
from sampan.engine.settings import Settings
from sampan.engine.state import State
from sampan.errors import Conflict, InvalidArgument


class Parts:
    def __init__(self) -> None:
        self.containers = Registry()
        self.settings = Settings("/d", "/r", {"link-variables": True})
        self.networks = Networks(None)  # type: ignore[arg-type]  # nothing is written here

    def add(self, name: str, identity: str, *, running: bool = True, **fields: Any) -> Container:
        links_, host = fields.pop("links", []), fields.pop("host", HostConfig())
        config = Config(hostname=identity[:12], **fields)
        container = Container(
            Definition(
                identity, name, 0, "", "x", [], config, host, NetworkingConfig(), [], [], [], links=links_
            )
        )
        if running:
            container.status.state = State.RUNNING
            container.status.endpoints = [Endpoint("bridge", address="172.17.0.9")]
        self.containers.reserve_name(name, identity)
        self.containers.add(container)
        return container


@pytest.fixture
def parts() -> Parts:
    return Parts()


def engine(parts: Parts) -> Engine:
    return cast(Engine, parts)


@pytest.mark.parametrize(
    ("spec", "parsed"),
    [("a", ("a", "a")), ("a:b", ("a", "b")), ("/a:/parent/b", ("a", "b")), ("a:", ("a", "a"))],
)
def test_words(spec: str, parsed: tuple[str, str]) -> None:
    assert links.parse(spec) == parsed


def test_the_other_must_be_there(parts: Parts) -> None:
    with pytest.raises(InvalidArgument, match=r"^could not get container for no: No such container: no"):
        links.resolve(engine(parts), HostConfig(links=["no:x"]))


def test_the_other_must_have_a_network(parts: Parts) -> None:
    parts.add("web", "a" * 64, host=HostConfig(network_mode="host"))
    with pytest.raises(InvalidArgument, match="host type networking can't be used with links"):
        links.resolve(engine(parts), HostConfig(links=["web"]))


def test_hosts_and_variables(parts: Parts) -> None:
    web = parts.add(
        "web", "a" * 64, env=["X=1", "PATH=/x", "BARE"], exposed_ports={"90/udp": {}, "80/tcp": {}}
    )
    found = links.resolve(engine(parts), HostConfig(links=["web:the-db"]))
    assert found == [Link(web.id, "the-db")]
    parent = parts.add("parent", "b" * 64, links=found)
    assert links.linked(engine(parts), parent) == (
        ["the-db aaaaaaaaaaaa web:172.17.0.9"],
        [
            "THE_DB_PORT=tcp://172.17.0.9:80",
            "THE_DB_PORT_80_TCP=tcp://172.17.0.9:80",
            "THE_DB_PORT_80_TCP_ADDR=172.17.0.9",
            "THE_DB_PORT_80_TCP_PORT=80",
            "THE_DB_PORT_80_TCP_PROTO=tcp",
            "THE_DB_PORT_90_UDP=udp://172.17.0.9:90",
            "THE_DB_PORT_90_UDP_ADDR=172.17.0.9",
            "THE_DB_PORT_90_UDP_PORT=90",
            "THE_DB_PORT_90_UDP_PROTO=udp",
            "THE_DB_NAME=/parent/the-db",
            "THE_DB_ENV_X=1",
        ],
    )
    assert links.shown(engine(parts), parent) == ["/web:/parent/the-db"]
    assert links.aliases(engine(parts), web) == ["/parent/the-db"]
    assert links.parents(engine(parts), web) == [(parent, "the-db")]


def test_the_other_must_run(parts: Parts) -> None:
    web = parts.add("web", "a" * 64, running=False)
    parent = parts.add("parent", "b" * 64, links=[Link(web.id, "db")])
    with pytest.raises(Conflict, match=r"^Cannot link to a non running container: /web AS /parent/db"):
        links.linked(engine(parts), parent)


def test_a_link_goes_with_the_other(parts: Parts) -> None:
    web = parts.add("web", "a" * 64)
    parent = parts.add("parent", "b" * 64, links=[Link(web.id, "db")])
    parts.containers.discard(web)
    assert links.linked(engine(parts), parent) == ([], [])
    assert links.shown(engine(parts), parent) is None
    assert parts.containers.linking(web.id) == []


def test_a_new_address_in_place(tmp_path: Any) -> None:
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1\tlocalhost\n172.17.0.2\tdb aaa web\n172.17.0.3\tme\n")
    node = path.stat().st_ino
    links._replace_line(str(path), "db aaa web", "172.17.0.77")
    assert path.read_text() == "127.0.0.1\tlocalhost\n172.17.0.77\tdb aaa web\n172.17.0.3\tme\n"
    assert path.stat().st_ino == node
