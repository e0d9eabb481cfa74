"""What becomes of published ports when some are added, and some taken away."""

import pytest

from sampan.engine.containers.config import Config, HostConfig, PortBinding
from sampan.engine.containers.ports import Decision, decide, overlapping
from sampan.engine.containers.record import BoundPort
from sampan.errors import Conflict, InvalidArgument
from sampan.network import ports

Asked = dict[str, list[PortBinding] | None]
WEB = BoundPort(80, "tcp", "0.0.0.0", 8080)
WEB6 = BoundPort(80, "tcp", "::", 8080)
CHOSEN = BoundPort(80, "tcp", "0.0.0.0", 32768)
NAMES = BoundPort(53, "udp", "127.0.0.1", 5353)


def binding(text: str) -> PortBinding:
    address, _, port = text.rpartition(":")
    return PortBinding(host_ip=address, host_port=port)


def asked(*words: str) -> Asked:
    """`8080>80/tcp`"""
    found: dict[str, list[PortBinding] | None] = {}
    for word in words:
        host, _, port = word.rpartition(">")
        several = found.setdefault(port, [])
        assert several is not None
        several.append(binding(host))
    return found


def change(
    before: Asked, bound: list[BoundPort], add: Asked | None = None, remove: Asked | None = None
) -> Decision:
    return decide("web", Config(), HostConfig(port_bindings=before), bound, add=add, remove=remove)


def test_one_more() -> None:
    decision = change(asked("8080>80/tcp"), [WEB, WEB6], add=asked("5353>53/udp", ">80"))
    assert decision.host.port_bindings == asked("8080>80/tcp", "5353>53/udp", ">80/tcp")
    assert decision.gone == []
    assert decision.added == [ports.PortBinding(53, "udp", "", 5353), ports.PortBinding(80, "tcp")]


def test_the_same_again_is_no_change() -> None:
    decision = change(asked("8080>80/tcp"), [WEB, WEB6], add=asked("8080>80/tcp"))
    assert (decision.host.port_bindings, decision.added) == (asked("8080>80/tcp"), [])


def test_a_port_goes_wherever_it_is_published() -> None:
    decision = change(
        asked("8080>80/tcp", ">80/tcp", "127.0.0.1:5353>53/udp"),
        [WEB, WEB6, CHOSEN, NAMES],
        remove={"80": None},
    )
    assert decision.host.port_bindings == asked("127.0.0.1:5353>53/udp")
    assert decision.gone == [WEB, WEB6, CHOSEN]


@pytest.mark.parametrize(
    ("which", "gone", "left"),
    [
        ("8080>80", [WEB, WEB6], asked(">80/tcp")),
        ("32768>80", [CHOSEN], asked("8080>80/tcp")),
        (">80", [WEB, WEB6, CHOSEN], {}),
    ],
)
def test_one_of_several(which: str, gone: list[BoundPort], left: Asked) -> None:
    decision = change(asked("8080>80/tcp", ">80/tcp"), [WEB, WEB6, CHOSEN], remove=asked(which))
    assert (decision.gone, decision.host.port_bindings) == (gone, left)


def test_one_that_was_found_in_a_range() -> None:
    decision = change(asked("8000-8090>80/tcp"), [WEB, WEB6], remove=asked("8080>80/tcp"))
    assert (decision.gone, decision.host.port_bindings) == ([WEB, WEB6], {})


def test_one_in_place_of_another() -> None:
    decision = change(asked(">80/tcp"), [CHOSEN], add=asked(">80/tcp"), remove=asked(">80/tcp"))
    assert decision.gone == [CHOSEN]
    assert decision.added == [ports.PortBinding(80, "tcp")]
    assert decision.host.port_bindings == asked(">80/tcp")


def test_all_exposed_ones_are_spelled_out() -> None:
    config, host = Config(exposed_ports={"80/tcp": {}, "53/udp": {}}), HostConfig(publish_all_ports=True)
    decision = decide("web", config, host, [CHOSEN, NAMES], add=None, remove={"53/udp": None})
    assert (decision.host.publish_all_ports, decision.host.port_bindings) == (False, asked(">80/tcp"))
    assert (decision.gone, decision.added) == ([NAMES], [])


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        ("90>90/tcp", "No public port '90:90/tcp' published for web"),
        (">90", "No public port '90/tcp' published for web"),
        ("127.0.0.1:8080>80", "No public port '127.0.0.1:8080:80/tcp' published for web"),
        (">80/udp", "No public port '80/udp' published for web"),
    ],
)
def test_what_is_not_published(which: str, sentence: str) -> None:
    with pytest.raises(Conflict) as refused:
        change(asked("8080>80/tcp"), [WEB, WEB6], remove=asked(which))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("x>80", 'invalid port specification: "x"'),
        ("a.b:80>80", "invalid IP address: a.b"),
        (">80/icmp", "invalid proto: icmp"),
        (">0", "invalid containerPort: 0"),
    ],
)
def test_what_makes_no_sense(words: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        change({}, [], add=asked(words))
    assert str(refused.value) == sentence


def test_what_stands_in_the_way() -> None:
    at_home = ports.PortBinding(80, "tcp", "127.0.0.1", 8080)
    assert overlapping([WEB, WEB6, CHOSEN], [at_home]) == [WEB]
    assert overlapping([WEB, WEB6, CHOSEN], [ports.PortBinding(80, "tcp", "", 8000, 8090)]) == [WEB, WEB6]
    assert (
        overlapping([WEB, NAMES], [ports.PortBinding(80, "tcp"), ports.PortBinding(80, "udp", "", 8080)])
        == []
    )
