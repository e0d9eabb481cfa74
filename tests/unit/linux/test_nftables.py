"""Golden bytes of nf_tables messages, decoded back; `nft` reads them in tests/integration/network."""

import struct

from sampan.linux import netlink
from sampan.linux import nftables as nft


def body(message: netlink.Message) -> dict[int, memoryview]:
    return netlink.attributes(message.body[4:])


def test_messages_are_of_the_subsystem_and_the_family() -> None:
    message = nft.table("sampan")
    assert message.kind == 10 << 8
    assert message.body == b"\x01\0\0\0" + b"\x0b\0\x01\0sampan\0\0"


def test_a_base_chain_has_hook_priority_policy_and_type() -> None:
    found = body(nft.chain("t", "c", nft.Hook("filter", nft.PREROUTING, -300, nft.DROP)))
    hook = netlink.attributes(found[4])
    assert bytes(hook[1]) == bytes(4)
    assert struct.unpack("!i", hook[2]) == (-300,)
    assert bytes(found[5]) == bytes(4)
    assert netlink.string(found[7]) == "filter"
    assert 4 not in body(nft.chain("t", "c"))


def test_a_map_says_how_its_key_and_data_are_made_up() -> None:
    key, data = (nft.TYPE_IPV4, nft.TYPE_PROTOCOL, nft.TYPE_PORT), (nft.TYPE_IPV4, nft.TYPE_PORT)
    found = body(nft.new_set(nft.Set("t", "m", key, data), 1))
    numbers = {kind: int.from_bytes(found[kind], "big") for kind in (3, 4, 5, 6, 7)}
    assert numbers == {3: 8, 4: (7 << 12) + (12 << 6) + 13, 5: 12, 6: (7 << 6) + 13, 7: 8}
    assert set(body(nft.new_set(nft.Set("t", "s", key), 1))) == {1, 2, 3, 4, 5, 10}


def test_a_rule_lists_its_expressions() -> None:
    message = nft.rule("t", "c", [nft.counter(), nft.verdict(nft.DROP)], "why")
    found = body(message)
    names = [
        netlink.string(netlink.attributes(expression)[1]) for _, expression in netlink.sequence_of(found[4])
    ]
    assert names == ["counter", "immediate"]
    assert bytes(found[7]) == b"\0\x04why\0"
    assert message.flags & netlink.NLM_F_APPEND


def test_elements_travel_in_pieces_that_fit_an_attribute() -> None:
    elements = [nft.Element(struct.pack("!III", n, 6, 80), bytes(8)) for n in range(1201)]
    messages = nft.add_elements("t", "m", elements)
    assert [len(list(netlink.sequence_of(body(one)[3]))) for one in messages] == [500, 500, 201]
    assert max(len(one.body) for one in messages) < 65536
    assert nft.add_elements("t", "m", []) == []


def test_deleting_names_the_key_alone() -> None:
    (message,) = nft.delete_elements("t", "m", [nft.Element(b"key1", b"data")])
    (_, element), *_ = netlink.sequence_of(body(message)[3])
    assert list(netlink.attributes(element)) == [1]


def test_an_interface_name_fills_four_registers() -> None:
    assert nft.interface_name("sampan0") == b"sampan0" + bytes(9)
