from itertools import islice

import pytest

from sampan.errors import Conflict, InvalidArgument, Unavailable
from sampan.network import addresses
from sampan.network.addresses import Pool


def test_pools_are_dockers_in_dockers_order() -> None:
    pools = list(addresses.default_pools())
    assert pools[:4] == ["172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16", "172.20.0.0/16"]
    assert pools[14] == "172.31.0.0/16"
    assert pools[15:17] == ["192.168.0.0/20", "192.168.16.0/20"]
    assert len(pools) == 15 + 16


@pytest.mark.parametrize(
    "taken, expected",
    [
        ([], "172.17.0.0/16"),
        (["10.0.0.0/8", "192.0.2.7/24"], "172.17.0.0/16"),
        (["172.17.200.1/24"], "172.18.0.0/16"),
        (["172.16.0.0/12"], "192.168.0.0/20"),
        (["172.16.0.0/12", "192.168.0.0/19", "192.168.47.53/32"], "192.168.48.0/20"),
    ],
)
def test_a_pool_overlaps_nothing(taken: list[str], expected: str) -> None:
    assert addresses.free_subnet(addresses.default_pools(), taken) == expected


def test_no_pool_left() -> None:
    with pytest.raises(Unavailable, match="fully subnetted"):
        addresses.free_subnet(addresses.default_pools(), ["172.0.0.0/8", "192.168.0.0/16"])


def pool(subnet: str = "172.17.0.0/29", gateway: str = "172.17.0.1") -> Pool:
    return Pool(subnet, gateway)


def test_the_lowest_free() -> None:
    found = pool()
    assert [found.allocate(str(n)) for n in range(3)] == ["172.17.0.2", "172.17.0.3", "172.17.0.4"]
    found.release("1")
    assert [found.allocate(str(n)) for n in range(3, 6)] == ["172.17.0.3", "172.17.0.5", "172.17.0.6"]
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        found.allocate("6")


def test_a_small_network_is_cycled_without_end() -> None:
    found = pool()
    for turn in range(1000):
        assert found.allocate(f"owner {turn}") == "172.17.0.2"
        found.release(f"owner {turn}")
    assert found.owners() == {}


def test_an_owner_keeps_its_address() -> None:
    found = pool()
    assert found.allocate("a") == found.allocate("a") == "172.17.0.2"
    assert found.owners() == {"a": "172.17.0.2"}


def test_a_wanted_address() -> None:
    found = pool()
    assert found.allocate("a", "172.17.0.5") == "172.17.0.5"
    with pytest.raises(Conflict, match="Address already in use"):
        found.allocate("b", "172.17.0.5")
    for taken in ("172.17.0.1", "172.17.0.0", "172.17.0.7"):
        with pytest.raises(Conflict, match="Address already in use"):
            found.allocate("b", taken)
    for wrong in ("172.18.0.2", "elephant"):
        with pytest.raises(InvalidArgument):
            found.allocate("b", wrong)


def test_adoption() -> None:
    found = pool()
    found.adopt("a", "172.17.0.2")
    found.adopt("a", "172.17.0.2")
    assert found.allocate("b") == "172.17.0.3"
    with pytest.raises(Conflict):
        found.adopt("c", "172.17.0.2")


def test_releasing_nothing_is_nothing() -> None:
    pool().release("nobody")


def test_a_whole_sixteen() -> None:
    found = pool("172.17.0.0/16")
    assert found.prefix_length == 16
    last = list(islice((found.allocate(str(n)) for n in range(300)), 300))[-1]
    assert last == "172.17.1.45"


def test_gateway_and_hardware_address() -> None:
    assert addresses.gateway_of("192.168.16.0/20") == "192.168.16.1"
    assert addresses.mac_of("172.17.0.2") == "02:42:ac:11:00:02"


def test_a_span_and_what_is_reserved() -> None:
    pool = Pool("10.1.0.0/24", "10.1.0.1", "10.1.0.128/25", ["10.1.0.128"])
    assert pool.allocate("a") == "10.1.0.129"
    assert pool.allocate("b", "10.1.0.7") == "10.1.0.7"
    with pytest.raises(Conflict, match="Address already in use"):
        pool.allocate("c", "10.1.0.128")


def test_addresses_of_ipv6() -> None:
    pool = Pool("fd00::/64", "fd00::1")
    assert [pool.allocate("a"), pool.allocate("b")] == ["fd00::2", "fd00::3"]
    pool.release("a")
    assert pool.allocate("c") == "fd00::2"
    with pytest.raises(InvalidArgument, match="invalid IPv6 address: fd01::1 is not in fd00::/64"):
        pool.allocate("d", "fd01::1")


def test_private_networks_come_from_the_seed() -> None:
    first, second = next(addresses.private_pools(b"one")), next(addresses.private_pools(b"two"))
    assert first != second
    assert first.startswith("fd") and first.endswith("::/64")
    assert addresses.free_subnet6(addresses.private_pools(b"one"), [first]) != first


def test_overlap() -> None:
    assert addresses.overlap("10.0.0.0/8", "10.1.0.0/16")
    assert not addresses.overlap("10.0.0.0/16", "10.1.0.0/16")
    assert not addresses.overlap("10.0.0.0/8", "fd00::/8")


def test_a_reserved_address_is_had_when_it_is_asked_for() -> None:
    found = Pool("172.17.0.0/16", "172.17.0.1")
    assert [found.reserve(who) for who in ("a", "b", "a")] == ["172.17.0.2", "172.17.0.3", "172.17.0.2"]
    assert found.owners() == {}
    assert found.allocate("c") == "172.17.0.4"
    assert [found.allocate("b"), found.allocate("a")] == ["172.17.0.3", "172.17.0.2"]
    found.give_back("a")
    assert found.owners() == {"a": "172.17.0.2", "b": "172.17.0.3", "c": "172.17.0.4"}


def test_a_reserved_address_is_lost_to_who_asks_for_it() -> None:
    found = Pool("172.17.0.0/16", "172.17.0.1")
    found.reserve("a")
    assert found.allocate("b", "172.17.0.2") == "172.17.0.2"
    assert found.reserve("a") == "172.17.0.3"
    found.adopt("c", "172.17.0.3")
    assert found.reserve("a") == "172.17.0.4"
    assert found.allocate("a", "172.17.0.9") == "172.17.0.9"
    assert found.reserve("d") == "172.17.0.4"
    found.give_back("d")
    assert found.reserve("e") == "172.17.0.4"
    with pytest.raises(Conflict):
        found.reserve("f", "172.17.0.4")


def test_a_reserved_address_is_lost_when_there_is_no_other() -> None:
    found = Pool("10.0.0.0/29", "10.0.0.1")
    for who in "abcde":
        found.reserve(who)
    with pytest.raises(Unavailable):
        found.reserve("f")
    assert found.allocate("f") == "10.0.0.6"
    assert [found.allocate(who) for who in "abcd"] == [f"10.0.0.{number}" for number in range(2, 6)]
    with pytest.raises(Unavailable):
        found.allocate("e")
