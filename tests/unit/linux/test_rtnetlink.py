"""Each builder's bytes, read back by the layouts of the uapi headers."""

import struct
import subprocess
import sys

from sampan.linux import netlink, rtnetlink


def attributes(message: netlink.Message, header: int) -> dict[int, memoryview]:
    return netlink.attributes(message.body[header:])


def test_veth_puts_its_peer_into_another_namespace_and_its_own_end_into_the_bridge() -> None:
    message = rtnetlink.veth("veth1", 7, "eth0", peer_pid=4242, mac="02:42:ac:11:00:02", mtu=1400)
    assert message.kind == rtnetlink.RTM_NEWLINK
    assert message.flags == netlink.NLM_F_REQUEST | netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
    outer = attributes(message, 16)
    assert netlink.string(outer[3]) == "veth1"  # IFLA_IFNAME
    assert struct.unpack("=I", outer[10]) == (7,)  # IFLA_MASTER
    assert struct.unpack("=I", outer[4]) == (1400,)  # IFLA_MTU
    info = netlink.attributes(outer[18])  # IFLA_LINKINFO
    assert netlink.string(info[1]) == "veth"
    peer = netlink.attributes(netlink.attributes(info[2])[1][16:])  # INFO_DATA, VETH_INFO_PEER
    assert netlink.string(peer[3]) == "eth0"
    assert struct.unpack("=I", peer[19]) == (4242,)  # IFLA_NET_NS_PID
    assert bytes(peer[1]) == bytes.fromhex("0242ac110002")


def test_port_up_is_hairpin_and_without_an_address_of_its_own() -> None:
    message = rtnetlink.port_up("veth1")
    assert struct.unpack_from("=BxHiII", message.body) == (0, 0, 0, 1, 1)
    assert not message.flags & netlink.NLM_F_CREATE
    outer = attributes(message, 16)
    slave = netlink.attributes(outer[18])
    assert netlink.string(slave[4]) == "bridge"
    assert bytes(netlink.attributes(slave[5])[4]) == b"\1"
    assert bytes(netlink.attributes(netlink.attributes(outer[26])[10])[8]) == b"\1"


def test_port_up_says_nothing_of_ipv6_to_a_link_without() -> None:
    assert 26 not in attributes(rtnetlink.port_up("veth1", 1279), 16)  # IFLA_AF_SPEC


def test_address_has_its_broadcast() -> None:
    message = rtnetlink.address(3, "172.17.0.2/16")
    assert struct.unpack_from("=BBBBi", message.body) == (2, 16, 0, 0, 3)
    found = attributes(message, 8)
    assert bytes(found[2]) == bytes([172, 17, 0, 2])
    assert bytes(found[4]) == bytes([172, 17, 255, 255])
    assert 4 not in attributes(rtnetlink.address(3, "fd00::2/64"), 8)
    assert 4 not in attributes(rtnetlink.address(3, "10.0.0.1/32"), 8)


def test_default_route() -> None:
    message = rtnetlink.default_route("172.17.0.1")
    assert struct.unpack_from("=BBBBBBBBI", message.body) == (2, 0, 0, 0, 254, 3, 0, 1, 0)
    assert {k: bytes(v) for k, v in attributes(message, 12).items()} == {5: bytes([172, 17, 0, 1])}


def test_configure_brings_the_link_up_before_it_routes_through_it() -> None:
    batch = rtnetlink.configure(2, ["172.17.0.2/16"], "172.17.0.1")
    kinds = [message.kind for message in batch]
    assert kinds == [
        rtnetlink.RTM_NEWLINK,
        rtnetlink.RTM_NEWADDR,
        rtnetlink.RTM_NEWLINK,
        rtnetlink.RTM_NEWROUTE,
    ]
    assert rtnetlink.configure(2, [], None)[-1].kind == rtnetlink.RTM_NEWLINK


def test_links_are_addressed_by_index_or_by_name() -> None:
    assert struct.unpack_from("=BxHiII", rtnetlink.link_down(9).body) == (0, 0, 9, 0, 1)
    assert netlink.string(attributes(rtnetlink.link_up("lo"), 16)[3]) == "lo"
    assert netlink.string(attributes(rtnetlink.delete_link("v"), 16)[3]) == "v"


def test_importing_it_is_cheap() -> None:
    """A process forked for one container uses it: nothing heavy may hang on it."""
    program = "import sys, sampan.linux.rtnetlink; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    # (`typing` itself brings re and enum along in Python 3.11.)
    assert not {"socket", "dataclasses", "ctypes", "ipaddress", "json", "selectors"} & set(loaded)
