"""Observed → plan, as values."""

import pytest

from sampan.errors import Conflict
from sampan.linux.rtnetlink import Address, Link, Route
from sampan.network import bridge
from sampan.network.addresses import default_pools
from sampan.network.bridge import AddAddress, BridgeState, Create, Guard, Observed, SetSysctl, Up
from sampan.network.names import NetworkNames

NAMES = NetworkNames("sampan0", "sampan")
QUIET = {"net/ipv6/conf/sampan0/disable_ipv6": "1", "net/ipv6/conf/sampan0/accept_ra": "0"}
NOTHING = Observed(None, [], [], forwarding=True, sysctls={})


def link(kind: str = "bridge", *, up: bool = True) -> Link:
    return Link(7, "sampan0", kind, 0, 1500, "02:42:ac:11:00:01", up)


def test_from_nothing_the_rules_go_in_before_it_is_up() -> None:
    plan = bridge.plan(NOTHING, NAMES, default_pools())
    state = BridgeState("sampan0", "172.17.0.0/16", "172.17.0.1", 1500)
    assert plan.state == state
    assert plan.steps == [
        Create("sampan0", "02:42:ac:11:00:01", 1500),
        SetSysctl("net/ipv6/conf/sampan0/disable_ipv6", "1", needed=False),
        SetSysctl("net/ipv6/conf/sampan0/accept_ra", "0", needed=False),
        Guard(state),
        AddAddress("sampan0", "172.17.0.1/16"),
        Up("sampan0"),
    ]
    assert plan.notices == []


def test_with_everything_there_only_the_rules_are_renewed() -> None:
    plan = bridge.plan(Observed(link(), ["172.20.0.1/16"], [], True, QUIET), NAMES, default_pools())
    assert plan.state.subnet == "172.20.0.0/16"
    assert plan.steps == [Guard(plan.state)]


def test_a_start_that_was_cut_short_goes_on() -> None:
    plan = bridge.plan(Observed(link(up=False), [], [], True, QUIET), NAMES, default_pools())
    assert plan.steps == [Guard(plan.state), AddAddress("sampan0", "172.17.0.1/16"), Up("sampan0")]


def test_forwarding_is_switched_on_and_told() -> None:
    plan = bridge.plan(NOTHING._replace(forwarding=False), NAMES, default_pools())
    assert plan.steps[-1] == SetSysctl("net/ipv4/ip_forward", "1")
    assert "net.ipv4.ip_forward was 0" in plan.notices[0]


def test_pools_of_the_user_and_taken_networks() -> None:
    observed = NOTHING._replace(taken=["10.1.0.0/16"])
    assert bridge.plan(observed, NAMES, ["10.1.2.0/24", "10.2.0.0/24"]).state.gateway == "10.2.0.1"


def test_something_else_with_the_name() -> None:
    with pytest.raises(Conflict, match="existing interface sampan0 is not a bridge"):
        bridge.plan(NOTHING._replace(bridge=link("dummy")), NAMES, default_pools())


def test_what_is_taken() -> None:
    addresses = [Address(1, "127.0.0.1/8"), Address(2, "192.0.2.2/24"), Address(7, "172.17.0.1/16")]
    routes = [
        Route("0.0.0.0/0", "192.0.2.1", 2, 254),
        Route("0.0.0.0/1", "10.8.0.1", 3, 254),
        Route("128.0.0.0/1", "10.8.0.1", 3, 254),
        Route("10.8.0.0/24", "", 3, 254),
        Route("172.17.0.0/16", "", 7, 254),
    ]
    taken = bridge.taken(addresses, routes, ["172.18.0.53", "fd00::53", "nonsense"], own=7)
    assert taken == ["127.0.0.1/8", "192.0.2.2/24", "10.8.0.0/24", "172.18.0.53/32"]
