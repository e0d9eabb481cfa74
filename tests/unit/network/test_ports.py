"""Deciding about ports. The sockets are real, on loopback; the firewall is a fake.

What the kernel says to conflicts is in tests/integration/network/test_lifecycle.py.
"""

import socket
import threading
from collections.abc import Iterable, Sequence

import pytest

from sampan.errors import Conflict, InvalidArgument, Unavailable
from sampan.network import ports
from sampan.network.ports import Bound, Destination, PortBinding, Ports
from sampan.network.ruleset import Element

WEB = "172.17.0.2"


class Wall:
    """A firewall that remembers, and fails when told."""

    def __init__(self) -> None:
        self.elements: set[Element] = set()
        self.failing = False
        self.flushed = False

    def add(self, elements: Sequence[Element]) -> None:
        if self.flushed:
            raise FileNotFoundError(2, "No such file or directory")
        if self.failing:
            raise OSError(12, "Cannot allocate memory")
        self.elements |= set(elements)

    def remove(self, elements: Sequence[Element]) -> None:
        self.elements -= set(elements)

    def swap(self, gone: Sequence[Element], added: Sequence[Element]) -> None:
        if not self.flushed and not set(gone) <= self.elements:
            raise OSError(2, "No such file or directory")
        self.add(added)
        self.elements -= set(gone) - set(added)

    def restore(self, expected: Iterable[Element]) -> None:
        self.elements = set(expected)
        self.flushed = False


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "given, expected",
    [
        (("80/tcp", "", "8080"), PortBinding(80, "tcp", "", 8080, 0)),
        (("80", "", ""), PortBinding(80, "tcp", "", 0, 0)),
        (("53/UDP", "127.0.0.1", "5300-5310"), PortBinding(53, "udp", "127.0.0.1", 5300, 5310)),
        (("9/sctp", "::1", "9-9"), PortBinding(9, "sctp", "::1", 9, 9)),
    ],
)
def test_the_forms_of_a_binding(given: tuple[str, str, str], expected: PortBinding) -> None:
    assert ports.parse(*given) == expected


@pytest.mark.parametrize(
    "given, sentence",
    [
        (("80/tcp", "", "abc"), "invalid hostPort: abc"),
        (("80/tcp", "", "65536"), "invalid hostPort: 65536"),
        (("80/tcp", "", "9-8"), "invalid range specified for port: 9-8"),
        (("80/icmp", "", ""), "invalid proto: icmp"),
        (("0/tcp", "", "80"), "invalid containerPort: 0"),
        (("x/tcp", "", "80"), "invalid containerPort: x"),
    ],
)
def test_bindings_that_make_no_sense(given: tuple[str, str, str], sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{sentence}$"):
        ports.parse(*given)


def test_publish_and_unpublish(wall: Wall, free: int) -> None:
    table = Ports(wall)
    held = table.publish("web", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    assert held.bindings == [Bound(80, "tcp", "127.0.0.1", free)]
    assert wall.elements == {Element("127.0.0.1", "tcp", free, WEB, 80)} == set(table.expected())
    assert held.listeners[0].target == ("tcp", WEB, 80)
    with pytest.raises(Conflict, match="port is already allocated"):
        table.publish("other", Destination("172.17.0.3"), [PortBinding(80, "tcp", "127.0.0.1", free)])
    table.unpublish("web")
    table.unpublish("web")
    assert wall.elements == set() == set(table.expected())
    held.close()


def test_nothing_to_publish(wall: Wall) -> None:
    held = Ports(wall).publish("web", Destination(WEB), [])
    assert held == ([], [])


def test_a_failing_firewall_undoes_everything(wall: Wall, free: int) -> None:
    wall.failing = True
    table = Ports(wall)
    with pytest.raises(Unavailable, match="Cannot allocate memory"):
        table.publish("web", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    wall.failing = False
    table.publish("other", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)]).close()


def test_the_second_of_two_failing_frees_the_first(wall: Wall, free: int) -> None:
    table = Ports(wall)
    twice = [PortBinding(80, "tcp", "127.0.0.1", free), PortBinding(81, "tcp", "127.0.0.1", free)]
    with pytest.raises(Conflict):
        table.publish("web", Destination(WEB), twice)
    assert table.expected() == []
    table.publish("web", Destination(WEB), twice[:1]).close()


def test_overlaps() -> None:
    table = Ports(Wall())
    table.adopt("web", WEB, [Bound(80, "tcp", "0.0.0.0", 8080), Bound(80, "tcp", "::", 8081)])
    for binding in (PortBinding(80, "tcp", "127.0.0.1", 8080), PortBinding(80, "tcp", "::1", 8081)):
        with pytest.raises(Conflict, match=r"^Bind for .*:808\d failed: port is already allocated$"):
            table.publish("other", Destination(WEB), [binding])


def test_adopted_ports_are_expected_in_the_firewall_but_not_those_of_ipv6() -> None:
    table = Ports(Wall())
    bound = [Bound(80, "tcp", "0.0.0.0", 8080), Bound(80, "tcp", "::", 8080)]
    table.adopt("web", Destination(WEB), bound)
    table.adopt("web", Destination(WEB), bound)
    assert table.expected() == [Element("", "tcp", 8080, WEB, 80)]


def test_an_address_that_is_none() -> None:
    with pytest.raises(InvalidArgument, match="invalid IP address: elephant"):
        Ports(Wall()).publish("web", Destination(WEB), [PortBinding(80, "tcp", "elephant", 8080)])


def test_sockets_close_on_exec(wall: Wall, free: int) -> None:
    held = Ports(wall).publish("web", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    assert not held.listeners[0].socket.get_inheritable()
    held.close()


def test_a_flushed_firewall_is_restored_by_the_next_publish(wall: Wall, free: int) -> None:
    table = Ports(wall)
    table.adopt("old", Destination("172.17.0.9"), [Bound(80, "tcp", "127.0.0.2", free)])
    wall.flushed = True
    held = table.publish("web", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    assert wall.elements == set(table.expected()) and len(wall.elements) == 2
    held.close()


def test_of_many_at_once_one_gets_the_port(wall: Wall, free: int) -> None:
    table = Ports(wall)
    won, lost = [], []
    together = threading.Barrier(8)

    def publish(owner: str) -> None:
        together.wait()
        try:
            won.append(table.publish(owner, Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)]))
        except Conflict as error:
            lost.append(str(error))

    threads = [threading.Thread(target=publish, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == [f"Bind for 127.0.0.1:{free} failed: port is already allocated"] * 7
    won[0].close()


def test_more_ports_in_place_of_others(wall: Wall, free: int) -> None:
    """They are not translated before `turn`, and what they replace is taken until `free`."""
    ports = Ports(wall)
    old = ports.publish("a", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    old.close()  # as the monitor does first
    new = ports.extend(Destination(WEB), [PortBinding(81, "tcp", "127.0.0.1", free)], old.bindings)
    new.close()
    assert wall.elements == {Element("127.0.0.1", "tcp", free, WEB, 80)}
    ports.turn("a", Destination(WEB), old.bindings, new.bindings)
    ports.free("a", old.bindings)
    assert wall.elements == {Element("127.0.0.1", "tcp", free, WEB, 81)}
    with pytest.raises(Conflict):
        ports.publish("b", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    ports.unpublish("a")
    assert wall.elements == set()
    ports.publish("b", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)]).close()


def test_a_change_is_taken_back(wall: Wall, free: int) -> None:
    ports = Ports(wall)
    old = ports.publish("a", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    new = ports.extend(Destination(WEB), [PortBinding(80, "udp", "127.0.0.1", free)], ())
    new.close()
    ports.turn("a", Destination(WEB), old.bindings, new.bindings)
    ports.turn("a", Destination(WEB), new.bindings, old.bindings)
    ports.free("a", new.bindings)
    assert wall.elements == {Element("127.0.0.1", "tcp", free, WEB, 80)}
    ports.publish("b", Destination(WEB), [PortBinding(80, "udp", "127.0.0.1", free)]).close()
    with pytest.raises(Conflict):
        ports.publish("b", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    old.close()


def test_a_firewall_that_refuses_leaves_the_old_ports(wall: Wall, free: int) -> None:
    ports = Ports(wall)
    old = ports.publish("a", Destination(WEB), [PortBinding(80, "tcp", "127.0.0.1", free)])
    new = ports.extend(Destination(WEB), [PortBinding(81, "udp", "127.0.0.1", free)], ())
    new.close()
    wall.failing = True
    with pytest.raises(Unavailable):
        ports.turn("a", Destination(WEB), old.bindings, new.bindings)
    assert ports.expected() == [Element("127.0.0.1", "tcp", free, WEB, 80)]
    wall.failing, wall.flushed = False, True
    ports.turn("a", Destination(WEB), old.bindings, new.bindings)
    assert wall.elements == {Element("127.0.0.1", "udp", free, WEB, 81)}
    old.close()


BOTH = Destination(WEB, "fd00::2")


def test_ipv6_is_translated_to_a_container_that_has_it() -> None:
    table = Ports(Wall())
    table.adopt("web", BOTH, [Bound(80, "tcp", "0.0.0.0", 8080), Bound(80, "tcp", "::", 8080)])
    assert table.expected() == [
        Element("", "tcp", 8080, WEB, 80),
        Element("", "tcp", 8080, "fd00::2", 80),
    ]


@pytest.mark.parametrize(
    ("to", "host_ip"), [(BOTH, "::1"), (Destination(WEB), "::"), (BOTH._replace(relayed=True), "0.0.0.0")]
)
def test_what_is_relayed_only(to: Destination, host_ip: str) -> None:
    table = Ports(Wall())
    table.adopt("web", to, [Bound(80, "tcp", host_ip, 8080)])
    assert table.expected() == []


def test_where_the_gateway_routes_the_containers_own_address_is_open(wall: Wall, free: int) -> None:
    table = Ports(wall)
    routed = BOTH._replace(routed6=True)
    held = table.publish(
        "web", routed, [PortBinding(80, "tcp", "127.0.0.1", free), PortBinding(81, "udp", "::")]
    )
    assert held.bindings == [Bound(80, "tcp", "127.0.0.1", free), Bound(81, "udp", "::", 0)]
    assert wall.elements == {
        Element("127.0.0.1", "tcp", free, WEB, 80),
        Element("", "udp", 0, "fd00::2", 81),
    }
    assert [one.target.port for one in held.listeners] == [80]
    again = table.publish("other", Destination("", "fd00::3", routed6=True), [PortBinding(81, "udp", "::")])
    assert again.bindings == [Bound(81, "udp", "::", 0)], "nobody takes a port of the machine"
    held.close()


def test_a_container_without_ipv4_has_no_port_there(wall: Wall, free: int) -> None:
    table = Ports(wall)
    alone = Destination("", "fd00::2")
    held = table.publish("web", alone, [PortBinding(80, "tcp", "127.0.0.1", free)])
    assert (held.bindings, wall.elements) == ([], set())


def test_open_at_the_containers_own_address_too(wall: Wall, free: int) -> None:
    """As long as one port of the machine leads there."""
    table, to = Ports(wall), Destination(WEB, direct=True)
    asked = [PortBinding(80, "tcp", "127.0.0.1", free), PortBinding(80, "tcp", "127.0.0.2", free)]
    table.publish("web", to, asked).close()
    opened = Element("", "tcp", 0, WEB, 80)
    first, second = (Element(one.host_ip, "tcp", free, WEB, 80) for one in asked)
    assert wall.elements == {first, second, opened}
    table.turn("web", to, [Bound(80, "tcp", "127.0.0.1", free)], [])
    assert wall.elements == {second, opened}
    table.turn("web", to, [Bound(80, "tcp", "127.0.0.2", free)], [])
    assert not wall.elements
