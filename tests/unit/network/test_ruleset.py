import pytest

from sampan.linux import netlink
from sampan.linux import nftables as nft
from sampan.linux.conntrack import Flow
from sampan.network import firewall, ruleset
from sampan.network.bridge import BridgeState
from sampan.network.ruleset import Element

BRIDGE = BridgeState("sampan0", "172.17.0.0/16", "172.17.0.1")


def test_a_port_of_every_address() -> None:
    name, element = ruleset.encode(Element("", "tcp", 8080, "172.17.0.2", 80))
    assert name == "ports_any"
    assert element.key == b"\x06\0\0\0" + b"\x1f\x90\0\0"
    assert element.data == bytes([172, 17, 0, 2]) + b"\0\x50\0\0"


def test_a_port_of_one_address() -> None:
    name, element = ruleset.encode(Element("127.0.0.1", "udp", 53, "172.17.0.2", 5353))
    assert name == "ports_at"
    assert element.key == b"\x7f\0\0\x01" + b"\x11\0\0\0" + b"\0\x35\0\0"


@pytest.mark.parametrize("host_ip", ["", "192.0.2.2"])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
def test_what_is_encoded_reads_back(host_ip: str, protocol: str) -> None:
    one = Element(host_ip, protocol, 65535, "172.17.255.254", 1)
    assert ruleset.decode(*ruleset.encode(one)) == one


@pytest.mark.parametrize(
    ("element", "name"),
    [
        (Element("", "tcp", 80, "fd00::2", 8080), "ports6_any"),
        (Element("2001:db8::1", "udp", 80, "fd00::2", 8080), "ports6_at"),
        (Element("", "tcp", 0, "fd00::2", 8080), "open6"),
        (Element("", "udp", 0, "172.17.0.2", 8080), "open"),
    ],
)
def test_elements_of_every_set(element: Element, name: str) -> None:
    found, encoded = ruleset.encode(element)
    assert found == name
    key, data = ruleset.SETS[name]
    width = [16 if one == nft.TYPE_IPV6 else 4 for one in (*key, *data)]
    assert len(encoded.key + encoded.data) == sum(width)
    assert ruleset.decode(found, encoded) == element


@pytest.mark.parametrize(
    ("mode", "raw", "entering"),
    [
        ("nat", ["container addressed directly"], []),
        ("nat-unprotected", ["from another network"], ["not protected"]),
        ("routed", [], ["ICMP to a routed network", "published at its own address"]),
    ],
)
def test_gateways_of_other_modes(mode: str, raw: list[str], entering: list[str]) -> None:
    other = BridgeState("sampan1", "", "", subnet6="fd00::/64", gateway6="fd00::1", mode6=mode)
    rules = ruleset.rules([BRIDGE, other])
    of_other = rules[len(ruleset.rules([BRIDGE])) :]
    assert [rule.comment for rule in of_other if rule.chain == ruleset.RAW][1:] == raw
    forward = [rule.comment for rule in of_other if rule.chain == ruleset.FORWARD]
    assert forward == ["", "between containers", "published", *entering, "not published"]
    masked = "to the outside" in [rule.comment for rule in of_other]
    assert masked is (mode != "routed")


def test_an_interface_that_is_trusted() -> None:
    """It comes through to what is published, at containers' own addresses, and to nothing else."""
    rules = ruleset.rules([BRIDGE._replace(trusted=("vxlan.1", "eth3"))])
    before = ruleset.rules([BRIDGE])
    forward = [rule.comment for rule in rules if rule.chain == ruleset.FORWARD]
    assert forward[-3:] == ["published, trusted", "published, trusted", "not published"]
    drop = next(rule for rule in rules if rule.comment == "container addressed directly")
    plain = next(rule for rule in before if rule.comment == "container addressed directly")
    more = [part for part in drop.expressions if part not in plain.expressions]
    names = [nft.interface_name(name) for name in ("vxlan.1", "eth3")]
    assert more == [nft.compare(0, nft.NEQ, name) for name in names]


def test_the_skeleton_keeps_elements_and_renews_every_rule() -> None:
    messages = ruleset.skeleton("sampan", [BRIDGE])
    kinds = [message.kind & 0xFF for message in messages]
    assert kinds.count(8) == kinds.count(3) == 5  # each chain is flushed: NFT_MSG_DELRULE, NEWCHAIN
    assert 11 not in kinds and 14 not in kinds  # NFT_MSG_DELSET, NFT_MSG_DELSETELEM
    assert kinds.count(6) == len(ruleset.rules([BRIDGE]))


def test_every_message_is_about_our_table() -> None:
    for message in ruleset.skeleton("sampan-abcdef", [BRIDGE]):
        assert message.body[0] == nft.NFPROTO_INET
        assert netlink.string(netlink.attributes(message.body[4:])[1]) == "sampan-abcdef"


def test_the_last_word_on_forwarding_is_a_drop() -> None:
    forward = [rule for rule in ruleset.rules([BRIDGE]) if rule.chain == ruleset.FORWARD]
    assert forward[-1].comment == "not published"
    assert nft.verdict(nft.DROP) == forward[-1].expressions[-1]


@pytest.mark.parametrize(
    "family, hook, expected",
    [
        (nft.NFPROTO_IPV4, nft.Hook("filter", nft.FORWARD, 0, nft.DROP), True),
        (nft.NFPROTO_INET, nft.Hook("filter", nft.FORWARD, 10, nft.DROP), True),
        (nft.NFPROTO_IPV4, nft.Hook("filter", nft.FORWARD, 0, nft.ACCEPT), False),
        (nft.NFPROTO_IPV4, nft.Hook("filter", nft.INPUT, 0, nft.DROP), False),
        (nft.NFPROTO_IPV6, nft.Hook("filter", nft.FORWARD, 0, nft.DROP), False),
        (nft.NFPROTO_IPV4, None, False),
    ],
)
def test_chains_of_others_that_stand_in_the_way(family: int, hook: nft.Hook | None, expected: bool) -> None:
    assert firewall.drops(nft.Chain(family, "filter", "FORWARD", hook)) is expected


@pytest.mark.parametrize(
    "flow, host_ip, expected",
    [
        (("192.0.2.2", 53, "172.17.0.2"), "", True),
        (("192.0.2.2", 53, "192.0.2.2"), "", True),  # came before the port was published
        (("127.0.0.2", 53, "127.0.0.2"), "", True),
        (("8.8.8.8", 53, "8.8.8.8"), "", False),  # a query to a resolver elsewhere
        (("192.0.2.2", 54, "192.0.2.2"), "", False),
        (("192.0.2.2", 53, "192.0.2.2"), "127.0.0.1", False),
        (("127.0.0.1", 53, "172.17.0.9"), "127.0.0.1", True),
    ],
)
def test_flows_through_a_port(flow: tuple[str, int, str], host_ip: str, expected: bool) -> None:
    found = Flow(17, "198.51.100.2", *flow, attributes=b"")
    element = Element(host_ip, "udp", 53, "172.17.0.2", 53)
    assert firewall.goes_through(found, element, {"192.0.2.2"}) is expected


def test_of_an_internal_network_nothing_is_accepted_but_its_own() -> None:
    found = ruleset.rules([BRIDGE._replace(internal=True)])
    forward = [rule.comment for rule in found if rule.chain == ruleset.FORWARD]
    assert forward == ["between containers", "into an internal network", "out of an internal network"]
    assert not [rule for rule in found if rule.chain == ruleset.POSTROUTING]


def test_without_masquerade_and_without_icc() -> None:
    found = ruleset.rules([BRIDGE._replace(masquerade=False, icc=False)])
    assert "to the outside" not in [rule.comment for rule in found]
    assert "between containers" not in [rule.comment for rule in found]


def test_ipv6_is_guarded_and_translated_as_ipv4() -> None:
    both = BRIDGE._replace(subnet6="fd00::/64", gateway6="fd00::1")
    more = [rule.comment for rule in ruleset.rules([both])]
    for one in ruleset.rules([BRIDGE]):
        more.remove(one.comment)
    assert more == ["container addressed directly", "to the outside", "hairpin"]
