"""What is asked for when a network is made: taken, or refused in Docker's words."""

from typing import Any

import msgspec
import pytest

from sampan.engine.networks import request
from sampan.engine.networks.request import NetworkCreate
from sampan.engine.networks.store import Subnet
from sampan.errors import Forbidden, InvalidArgument, NotFound, SampanError, Unavailable, Unsupported


def wanted(**fields: Any) -> NetworkCreate:
    return msgspec.convert({"Name": "n", **fields}, NetworkCreate)


def with_pool(**fields: Any) -> NetworkCreate:
    return wanted(IPAM={"Config": [fields]})


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"Name": " "}, InvalidArgument, "invalid name: name is empty"),
        ({"Name": "host"}, Forbidden, "operation is not permitted on predefined host network"),
        ({"Driver": "null"}, Forbidden, 'only one instance of "null" network is allowed'),
        ({"Driver": "foo"}, NotFound, 'plugin "foo" not found'),
        ({"Driver": "overlay"}, Unavailable, "This node is not a swarm manager"),
        ({"ConfigOnly": True}, Unsupported, "configuration-only"),
        ({"IPAM": {"Driver": "foo"}}, NotFound, 'plugin "foo" not found'),
    ],
)
def test_refused(fields: dict[str, Any], kind: type[SampanError], words: str) -> None:
    with pytest.raises(kind, match=words):
        request.check(wanted(**fields))


def test_a_pool_in_full() -> None:
    asked = with_pool(
        Subnet="10.1.0.0/24",
        IPRange="10.1.0.128/25",
        Gateway="10.1.0.9",
        AuxiliaryAddresses={"a": "10.1.0.8"},
    )
    assert request.subnets(asked) == [Subnet("10.1.0.0/24", "10.1.0.9", "10.1.0.128/25", {"a": "10.1.0.8"})]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Subnet": "10.1.0.0"}, "invalid subnet 10.1.0.0: invalid CIDR block notation"),
        ({"Subnet": "10.1.0.1/24"}, "invalid subnet 10.1.0.1/24: it should be 10.1.0.0/24"),
        ({"Subnet": "10.1.0.0/24", "Gateway": "x"}, "invalid gateway x: invalid address"),
        (
            {"Subnet": "10.1.0.0/24", "Gateway": "10.2.0.1"},
            "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/24 doesn't contain this address",
        ),
        (
            {"Subnet": "10.1.0.0/24", "IPRange": "10.1.0.0/16"},
            "invalid ip-range 10.1.0.0/16: CIDR block is bigger than its parent subnet 10.1.0.0/24",
        ),
        (
            {"Subnet": "10.1.0.0/24", "IPRange": "10.2.0.0/25"},
            "invalid ip-range 10.2.0.0/25: parent subnet 10.1.0.0/24 doesn't contain ip-range",
        ),
        (
            {"Subnet": "10.1.0.0/24", "AuxiliaryAddresses": {"a": "fd00::1"}},
            "invalid auxiliary address fd00::1: parent subnet is an IPv4 block",
        ),
    ],
)
def test_a_pool_that_is_wrong(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        request.subnets(with_pool(**fields))
    assert str(caught.value).splitlines()[0] == "invalid network config:"
    assert words in str(caught.value).splitlines()[1:]


def test_options_of_the_bridge() -> None:
    options = request.bridge_options(
        {
            "com.docker.network.bridge.name": "mine",
            "com.docker.network.driver.mtu": "1400",
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.enable_ip_masquerade": "0",
            "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
            "anything": "else",
        }
    )
    assert options == ("mine", 1400, False, False, "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("driver.mtu", "x"),
        ("bridge.enable_icc", "perhaps"),
        ("bridge.host_binding_ipv4", "localhost"),
        ("bridge.name", "longer-than-15-bytes"),
        ("bridge.gateway_mode_ipv4", "routed"),
    ],
)
def test_options_that_are_wrong(name: str, value: str) -> None:
    with pytest.raises(SampanError):
        request.bridge_options({f"com.docker.network.{name}": value})
