"""What is asked for when a network is made: taken, or refused in Docker's words."""

from typing import Any

import msgspec
import pytest

from sampan.engine.networks import request
from sampan.engine.networks.request import NetworkCreate
from sampan.engine.networks.store import Subnet
from sampan.errors import Forbidden, InvalidArgument, NotFound, SampanError, Unavailable


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
        ({"Ingress": True}, Forbidden, "Ingress network can only be global scope network"),
        ({"Scope": "swarm"}, Forbidden, "cannot create a swarm scoped network when swarm is not active"),
        ({"EnableIPv4": False}, InvalidArgument, "IPv4 or IPv6 must be enabled"),
        (
            {"ConfigOnly": True, "ConfigFrom": {"Network": "x"}},
            Forbidden,
            "a configuration network cannot depend on another configuration network",
        ),
        (
            {"ConfigFrom": {"Network": "x"}, "Labels": {"a": "b"}},
            Forbidden,
            "user specified configurations are not supported",
        ),
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
