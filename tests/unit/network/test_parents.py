import pytest

from sampan.errors import InvalidArgument
from sampan.network import endpoint, parents
from sampan.network.parents import ParentState


def test_a_vlan_of_an_interface() -> None:
    assert parents.vlan_of("eth0.10", ["lo", "eth0"]) == ("eth0", 10)
    assert parents.vlan_of("bond.1.4094", ["bond.1"]) == ("bond.1", 4094)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nosuch", "invalid subinterface vlan name nosuch, example formatting is eth0.10"),
        (".10", "invalid subinterface vlan name .10"),
        ("nosuch.10", "-o parent interface does was not found on the host: nosuch"),
        ("eth0.9999", "vlan id must be between 1-4094, received: 9999"),
        ("eth0.0", "vlan id must be between 1-4094, received: 0"),
        ("eth0.x", "unable to parse a valid vlan id from: x"),
    ],
)
def test_no_vlan(name: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        parents.vlan_of(name, ["eth0"])


def test_who_hangs_has_hardware_addresses_of_their_own() -> None:
    parent = ParentState("eth0", "macvlan", "bridge")
    macs = {endpoint.hang(parent, ["10.1.0.2/24"], "", "eth0", ("", "")).mac for _ in range(50)}
    assert len(macs) == 50 and all(mac.startswith("02:42:") for mac in macs)


def test_the_ways_out_of_who_hangs() -> None:
    asked = ["10.1.0.2/24", "fd00::2/64"]
    ways = ("10.1.0.1", "fd00::1")

    def found(kind: str, mode: str, *, internal: bool = False) -> tuple[str, str]:
        state = ParentState("eth0", kind, mode, internal=internal)
        plan = endpoint.hang(state, asked, "", "eth5", ways)
        return plan.gateway, plan.gateway6

    assert found("macvlan", "bridge") == found("ipvlan", "l2") == ways
    assert found("ipvlan", "l3") == found("ipvlan", "l3s") == ("eth5", "eth5"), "straight out"
    assert found("macvlan", "bridge", internal=True) == ("", "")
