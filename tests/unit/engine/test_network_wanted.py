"""Which networks a container is put on, made definite at its creation."""

from types import SimpleNamespace
from typing import Any

import pytest

from sampan.engine.containers.config import EndpointRequest, HostConfig, NetworkingConfig
from sampan.engine.networks import wanted
from sampan.engine.networks.store import Network, Networks, Subnet
from sampan.errors import InvalidArgument

OWN = Network("a" * 64, "own", 0, subnets=[Subnet("10.1.0.0/24", "10.1.0.1")])
CHOSEN = Network("b" * 64, "chosen", 0, subnets=[Subnet("172.18.0.0/16", "172.18.0.1", chosen=True)])
BRIDGE = Network("c" * 64, "bridge", 0)


@pytest.fixture
def engine() -> Any:
    networks = Networks(None)  # type: ignore[arg-type]  # nothing is written here
    for one in (OWN, CHOSEN, BRIDGE):
        networks.predefine(one)
    return SimpleNamespace(networks=networks)


def settled(engine: Any, mode: str, asked: dict[str, Any], version: tuple[int, int] = (1, 51)) -> list[str]:
    networking = NetworkingConfig(endpoints_config=asked)
    wanted.settle(engine, HostConfig(network_mode=mode), networking, version)
    return list(networking.endpoints_config or {})


def with_address(address: str) -> EndpointRequest:
    return EndpointRequest(ipam_config={"IPv4Address": address})


def test_the_mode_comes_first_and_ids_become_names(engine: Any) -> None:
    assert settled(engine, "bbbb", {"own": None, "b" * 64: EndpointRequest()}) == ["chosen", "own"]


def test_a_network_that_is_not_there_is_missed_later(engine: Any) -> None:
    assert settled(engine, "nope", {}) == ["nope"]


def test_several_need_a_version_that_knows_them(engine: Any) -> None:
    with pytest.raises(InvalidArgument, match="cannot be connected to network endpoints: chosen, own"):
        settled(engine, "own", {"own": None, "chosen": None}, (1, 43))


@pytest.mark.parametrize(
    ("name", "request_", "words"),
    [
        ("bridge", with_address("1.2.3.4"), "supported on user defined networks only"),
        ("bridge", EndpointRequest(aliases=["x"]), "only supported for user-defined networks"),
        ("chosen", with_address("172.18.0.9"), "networks with user configured subnets"),
        ("own", with_address("10.2.0.9"), "no configured subnet contains IP address 10.2.0.9"),
        ("own", with_address("x"), "invalid IPv4 address: x"),
        ("own", EndpointRequest(mac_address="zz"), "invalid MAC address: zz"),
    ],
)
def test_refused(engine: Any, name: str, request_: EndpointRequest, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        settled(engine, name, {name: request_})
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"invalid config for network {name}: invalid endpoint settings:\n")


def test_taken(engine: Any) -> None:
    assert settled(engine, "own", {"own": with_address("10.1.0.9")}) == ["own"]
