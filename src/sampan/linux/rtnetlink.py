"""Links, addresses and routes (rtnetlink(7); uapi linux/if_link.h, if_addr.h, rtnetlink.h, veth.h).

Functions build messages; `Socket` sends them. Nothing here decides anything.
"""

import os
import struct
import sys
from _socket import AF_INET, AF_INET6, AF_UNSPEC, if_nametoindex, inet_ntop, inet_pton
from typing import NamedTuple

from sampan.linux import netlink
from sampan.linux.netlink import Message, attribute, nested, text, u32

NETLINK_ROUTE = 0
LOOPBACK_INDEX = 1  # of `lo` in every network namespace (net/core/dev.c)

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH = 28

IFF_UP = 0x1
IPV6_MIN_MTU = 1280
NAME_LIMIT = 15  # bytes (IFNAMSIZ, with its zero)

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_LINK = 5
_IFLA_MASTER = 10
_IFLA_LINKINFO = 18
_IFLA_IFALIAS = 20
_IFLA_NET_NS_PID = 19
_IFLA_AF_SPEC = 26
_IFLA_NET_NS_FD = 28
_IFLA_NUM_TX_QUEUES = 31
_IFLA_NUM_RX_QUEUES = 32
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_INFO_SLAVE_KIND = 4
_IFLA_INFO_SLAVE_DATA = 5
_IFLA_BRPORT_MODE = 4  # hairpin
_IFLA_BRPORT_ISOLATED = 33
_IFLA_INET6_ADDR_GEN_MODE = 8
_ADDR_GEN_NONE = b"\x01"  # IN6_ADDR_GEN_MODE_NONE
_VETH_INFO_PEER = 1
_IFLA_VLAN_ID = 1
_IFLA_MACVLAN_MODE = 1
_IFLA_IPVLAN_MODE, _IFLA_IPVLAN_FLAGS = 1, 2
_MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}  # enum macvlan_mode
_IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}  # enum ipvlan_mode
_IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}  # IPVLAN_F_PRIVATE, IPVLAN_F_VEPA

AF_BRIDGE = 7

_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_BROADCAST = 4
_IFA_F_NODAD = 0x02

_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_TABLE = 15
_RT_TABLE_MAIN = 254
_RTPROT_BOOT = 3
_RT_SCOPE_UNIVERSE = 0
_RT_SCOPE_LINK = 253
_RT_SCOPE_NOWHERE = 255
_RT_TABLE_LOCAL = 255
_RTN_UNICAST = 1

_NDA_LLADDR = 2
# A static entry: does not age, goes with its port, and moves when the address speaks elsewhere. One that
# ages (NUD_REACHABLE) is refused while the port has no carrier (net/bridge/br_fdb.c, fdb_add_entry).
_NUD_NOARP = 0x40
_NTF_MASTER = 0x04  # into the table of the bridge that the port belongs to
_NTF_STICKY = 1 << 6  # Linux 4.20: frames that come in elsewhere do not move it

_CREATE = netlink.NLM_F_REQUEST | netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
_IFINFO = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_IFADDR = struct.Struct("=BBBBi")  # struct ifaddrmsg: family, prefixlen, flags, scope, index
_NDMSG = struct.Struct("=BxxxiHBB")  # struct ndmsg: family, index, state, flags, type
_RTMSG = struct.Struct("=BBBBBBBBI")  # struct rtmsg: family, dst_len, src_len, tos, table, …, flags


_NOTHING = memoryview(b"")


class Link(NamedTuple):
    ifindex: int
    name: str
    kind: str  # "bridge", "veth", … ; "" for a plain device
    master: int  # index of the bridge, 0 for none
    mtu: int
    mac: str
    up: bool
    mark: str = ""  # its alias: says whose it is


class Address(NamedTuple):
    ifindex: int
    address: str  # "172.17.0.1/16"


class Route(NamedTuple):
    destination: str  # "0.0.0.0/0" for the default route
    gateway: str  # "" for none
    ifindex: int  # of the outgoing link, 0 for none
    table: int


class Socket(netlink.Socket):
    """Rtnetlink in the network namespace of the calling thread."""

    def __init__(self) -> None:
        super().__init__(NETLINK_ROUTE)

    def __enter__(self) -> "Socket":
        return self

    def links(self) -> list[Link]:
        return [_link(body) for body in self.dump(Message(RTM_GETLINK, netlink.NLM_F_REQUEST, _info()))]

    def addresses(self) -> list[Address]:
        """Of both families."""
        request = Message(RTM_GETADDR, netlink.NLM_F_REQUEST, _IFADDR.pack(AF_UNSPEC, 0, 0, 0, 0))
        return [_address(body) for body in self.dump(request)]

    def routes(self) -> list[Route]:
        """Unicast routes of IPv4, of every table but `local`."""
        body = _RTMSG.pack(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
        found = self.dump(Message(RTM_GETROUTE, netlink.NLM_F_REQUEST, body))
        # struct rtmsg: [4] table, [7] type. A strict dump without RTA_TABLE is of all tables.
        return [_route(one) for one in found if one[7] == _RTN_UNICAST and one[4] != _RT_TABLE_LOCAL]


def index_of(name: str) -> int:
    """Raises OSError(ENODEV) when there is no such link in this network namespace."""
    return if_nametoindex(name)


def bridge(name: str, mac: str | None = None, mtu: int | None = None) -> Message:
    """Create a bridge, down."""
    body = _info() + text(_IFLA_IFNAME, name) + _mac(mac) + _mtu(mtu)
    body += nested(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, "bridge"))
    return Message(RTM_NEWLINK, _CREATE, body)


def dummy(name: str) -> Message:
    """Create an interface that leads nowhere, down."""
    body = _info() + text(_IFLA_IFNAME, name)
    return Message(RTM_NEWLINK, _CREATE, body + nested(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, "dummy")))


def vlan(name: str, parent_index: int, number: int) -> Message:
    """Create the interface of a VLAN (802.1Q), down."""
    data = nested(_IFLA_INFO_DATA, attribute(_IFLA_VLAN_ID, struct.pack("=H", number)))
    body = _info() + text(_IFLA_IFNAME, name) + u32(_IFLA_LINK, parent_index)
    return Message(RTM_NEWLINK, _CREATE, body + nested(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, "vlan"), data))


def hanging(
    kind: str,
    name: str,
    parent_index: int | None,
    mode: str = "",
    flag: str = "",
    *,
    pid: int | None = None,
    fd: int | None = None,
    mac: str | None = None,
    mtu: int | None = None,
) -> Message:
    """Create a macvlan or ipvlan interface, down, in another process's network namespace from the first.

    Before Linux 6.13 no interface *here* may be called `name` (__rtnl_newlink looks for it in the namespace
    of who asks): give it one of its own, and the right one inside.
    """
    body = _info() + text(_IFLA_IFNAME, name) + _mac(mac) + _mtu(mtu)
    if parent_index is not None:
        body += u32(_IFLA_LINK, parent_index)
    if pid is not None:
        body += u32(_IFLA_NET_NS_PID, pid)
    if fd is not None:
        body += u32(_IFLA_NET_NS_FD, fd)
    if kind == "macvlan":
        data = u32(_IFLA_MACVLAN_MODE, _MACVLAN_MODES[mode or "bridge"])
    else:
        data = attribute(_IFLA_IPVLAN_MODE, struct.pack("=H", _IPVLAN_MODES[mode or "l2"]))
        data += attribute(_IFLA_IPVLAN_FLAGS, struct.pack("=H", _IPVLAN_FLAGS[flag or "bridge"]))
    about = nested(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, kind), nested(_IFLA_INFO_DATA, data))
    return Message(RTM_NEWLINK, _CREATE, body + about)


def veth(
    host_name: str,
    bridge_index: int | None,
    peer_name: str,
    *,
    peer_pid: int | None = None,
    peer_fd: int | None = None,
    mac: str | None = None,
    mtu: int | None = None,
) -> Message:
    """Create a pair, both ends down: one end here in a bridge, `peer_name` in another process's network
    namespace (by pid or by an open namespace file) from its first moment.

    Creating the peer here and moving it afterwards would cost an RCU grace period (milliseconds).
    One queue each: since Linux 5.17 a pair has as many as there are processors, each with objects in
    sysfs; a fifth of the time on two processors, and only XDP would use them.
    `mac` is the peer's. `port_up` goes after it in the same batch.
    """
    queues = u32(_IFLA_NUM_TX_QUEUES, 1) + u32(_IFLA_NUM_RX_QUEUES, 1)
    peer = _info() + text(_IFLA_IFNAME, peer_name) + queues + _mac(mac) + _mtu(mtu)
    if peer_pid is not None:
        peer += u32(_IFLA_NET_NS_PID, peer_pid)
    if peer_fd is not None:
        peer += u32(_IFLA_NET_NS_FD, peer_fd)
    body = _info() + text(_IFLA_IFNAME, host_name) + queues + _mtu(mtu)
    if bridge_index is not None:
        body += u32(_IFLA_MASTER, bridge_index)
    data = nested(_IFLA_INFO_DATA, nested(_VETH_INFO_PEER, peer))
    body += nested(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, "veth"), data)
    return Message(RTM_NEWLINK, _CREATE, body)


def port_up(host_name: str, mtu: int = IPV6_MIN_MTU, *, isolated: bool = False) -> Message:
    """Make the host's end of a pair, already in its bridge, ready, and up. `mtu` as given to `veth`.

    Without an IPv6 link-local address: it is a port, and speaks for nobody. In hairpin mode: with
    bridge-nf-call-iptables=1 the bridge itself carries out the DNAT of a container's packet to its own
    published port, and would not send it back through the port that it came from. `isolated`: nothing goes
    from it to other ports that are (since Linux 4.18).
    """
    flags = attribute(_IFLA_BRPORT_MODE, b"\x01")
    if isolated:
        flags += attribute(_IFLA_BRPORT_ISOLATED, b"\x01")
    hairpin = nested(_IFLA_INFO_SLAVE_DATA, flags)
    port = nested(_IFLA_LINKINFO, text(_IFLA_INFO_SLAVE_KIND, "bridge"), hairpin)
    return _change(host_name, IFF_UP, IFF_UP, port + _no_link_local(mtu))


def forward(mac: str, port_index: int) -> Message:
    """Tell the bridge of `port_index` that `mac` is behind that port now.

    It would learn so from the first frame; until then it sends frames for an address that was used
    a moment ago to the port that had it, whose namespace may take a while to go.
    """
    body = _NDMSG.pack(AF_BRIDGE, port_index, _NUD_NOARP, _NTF_MASTER | _NTF_STICKY, 0)
    flags = netlink.NLM_F_REQUEST | netlink.NLM_F_CREATE | netlink.NLM_F_REPLACE
    return Message(RTM_NEWNEIGH, flags, body + attribute(_NDA_LLADDR, bytes.fromhex(mac.replace(":", ""))))


def _no_link_local(mtu: int) -> bytes:
    """Nothing where the link has no IPv6 at all: the kernel (ipv6.disable=1), or a small mtu
    (addrconf_notify); the attribute would fail with EAFNOSUPPORT there."""
    if mtu < IPV6_MIN_MTU or not os.access("/proc/sys/net/ipv6", os.F_OK):
        return b""
    mode = attribute(_IFLA_INET6_ADDR_GEN_MODE, _ADDR_GEN_NONE)
    return nested(_IFLA_AF_SPEC, nested(AF_INET6, mode))


def link_up(link: int | str) -> Message:
    """`link`: an index, or a name."""
    return _change(link, IFF_UP, IFF_UP)


def link_down(link: int | str) -> Message:
    return _change(link, 0, IFF_UP)


def set_mtu(link: int | str, mtu: int) -> Message:
    return _change(link, 0, 0, _mtu(mtu))


def set_mark(link: int | str, mark: str) -> Message:
    """Its alias: says whose it is. Beside RTM_NEWLINK's creation the kernel would pass over it in silence
    (rtnl_create_link, rtnl_newlink_create)."""
    return _change(link, 0, 0, attribute(_IFLA_IFALIAS, mark.encode()))


def set_mac(link: int | str, mac: str) -> Message:
    return _change(link, 0, 0, _mac(mac))


def set_master(link: int | str, bridge_index: int) -> Message:
    """Bridge index 0: take the link out of its bridge."""
    return _change(link, 0, 0, u32(_IFLA_MASTER, bridge_index))


def rename(index: int, name: str) -> Message:
    """The link must be down (before Linux 6.1)."""
    return _change(index, 0, 0, text(_IFLA_IFNAME, name))


def delete_link(link: int | str) -> Message:
    """Of a veth pair both ends go. Takes milliseconds (an RCU grace period)."""
    index, name = (link, b"") if isinstance(link, int) else (0, text(_IFLA_IFNAME, link))
    return Message(RTM_DELLINK, netlink.NLM_F_REQUEST, _info(index) + name)


def address(index: int, value: str) -> Message:
    """Add "172.17.0.2/16" (with its broadcast address) or an IPv6 address to a link."""
    family, local, length = _parse(value)
    # Nobody else has it: without duplicate address detection it serves at once.
    flags = _IFA_F_NODAD if family == AF_INET6 else 0
    body = _IFADDR.pack(family, length, flags, _RT_SCOPE_UNIVERSE, index)
    body += attribute(_IFA_LOCAL, local) + attribute(_IFA_ADDRESS, local)
    if family == AF_INET and length < 31:
        last = int.from_bytes(local, "big") | ((1 << (32 - length)) - 1)
        body += attribute(_IFA_BROADCAST, last.to_bytes(4, "big"))
    return Message(RTM_NEWADDR, _CREATE, body)


def delete_address(index: int, value: str) -> Message:
    family, local, length = _parse(value)
    body = _IFADDR.pack(family, length, 0, _RT_SCOPE_UNIVERSE, index) + attribute(_IFA_LOCAL, local)
    return Message(RTM_DELADDR, netlink.NLM_F_REQUEST, body)


def route(destination: str, gateway: str | None = None, index: int | None = None) -> Message:
    """Add a route; `destination` "10.0.0.0/8", or "0.0.0.0/0" for the default."""
    family, target, length = _parse(destination)
    scope = _RT_SCOPE_UNIVERSE if gateway else _RT_SCOPE_LINK
    kind = (_RT_TABLE_MAIN, _RTPROT_BOOT, scope, _RTN_UNICAST, 0)
    body = _RTMSG.pack(family, length, 0, 0, *kind)
    if length:
        body += attribute(_RTA_DST, target)
    if gateway:
        body += attribute(_RTA_GATEWAY, _parse(gateway)[1])
    if index is not None:
        body += u32(_RTA_OIF, index)
    return Message(RTM_NEWROUTE, _CREATE, body)


def delete_route(destination: str) -> Message:
    """Raises OSError(ESRCH) when there is none."""
    family, target, length = _parse(destination)
    body = _RTMSG.pack(family, length, 0, 0, _RT_TABLE_MAIN, 0, _RT_SCOPE_NOWHERE, 0, 0)
    return Message(
        RTM_DELROUTE, netlink.NLM_F_REQUEST, body + (attribute(_RTA_DST, target) if length else b"")
    )


def default_route(gateway: str, index: int | None = None) -> Message:
    return route("::/0" if ":" in gateway else "0.0.0.0/0", gateway, index)


def configure(index: int, addresses: list[str], gateway: str | None) -> list[Message]:
    """One batch for the inside of a new network namespace: `lo` up, addresses, the link up, the way out."""
    batch = [link_up(LOOPBACK_INDEX)]
    batch += [address(index, value) for value in addresses]
    batch.append(link_up(index))
    if gateway:
        batch.append(default_route(gateway))
    return batch


def _change(link: int | str, flags: int, mask: int, rest: bytes = b"") -> Message:
    """Flags and attributes of a link that exists: without NLM_F_CREATE, RTM_NEWLINK never makes one."""
    if isinstance(link, int):
        return Message(RTM_NEWLINK, netlink.NLM_F_REQUEST, _info(link, flags, mask) + rest)
    body = _info(0, flags, mask) + text(_IFLA_IFNAME, link) + rest
    return Message(RTM_NEWLINK, netlink.NLM_F_REQUEST, body)


def _info(index: int = 0, flags: int = 0, mask: int = 0) -> bytes:
    return _IFINFO.pack(AF_UNSPEC, 0, index, flags, mask)


def _mac(mac: str | None) -> bytes:
    return attribute(_IFLA_ADDRESS, bytes.fromhex(mac.replace(":", ""))) if mac else b""


def _mtu(mtu: int | None) -> bytes:
    return u32(_IFLA_MTU, mtu) if mtu else b""


def _parse(value: str) -> tuple[int, bytes, int]:
    """ "172.17.0.2/16" → (AF_INET, packed, 16); without a slash the whole address counts."""
    host, _, length = value.partition("/")
    family = AF_INET6 if ":" in host else AF_INET
    packed = inet_pton(family, host)
    return family, packed, int(length) if length else 8 * len(packed)


def _link(body: bytes) -> Link:
    _, _, index, flags, _ = _IFINFO.unpack_from(body)
    found = netlink.attributes(memoryview(body)[_IFINFO.size :])
    info = netlink.attributes(found.get(_IFLA_LINKINFO, _NOTHING))
    return Link(
        index,
        netlink.string(found[_IFLA_IFNAME]),
        netlink.string(info.get(_IFLA_INFO_KIND, _NOTHING)),
        _number(found.get(_IFLA_MASTER)),
        _number(found.get(_IFLA_MTU)),
        found.get(_IFLA_ADDRESS, _NOTHING).hex(":"),
        bool(flags & IFF_UP),
        netlink.string(found.get(_IFLA_IFALIAS, _NOTHING)),
    )


def _address(body: bytes) -> Address:
    family, length, _, _, index = _IFADDR.unpack_from(body)
    found = netlink.attributes(memoryview(body)[_IFADDR.size :])
    # IFA_LOCAL is ours; IFA_ADDRESS is the peer's on a point-to-point link, and the only one for IPv6.
    packed = found[_IFA_LOCAL] if _IFA_LOCAL in found else found[_IFA_ADDRESS]
    return Address(index, f"{inet_ntop(family, bytes(packed))}/{length}")


def _route(body: bytes) -> Route:
    length, table = body[1], body[4]
    found = netlink.attributes(memoryview(body)[_RTMSG.size :])
    target = inet_ntop(AF_INET, bytes(found.get(_RTA_DST, memoryview(bytes(4)))))
    gateway = inet_ntop(AF_INET, bytes(found[_RTA_GATEWAY])) if _RTA_GATEWAY in found else ""
    table = _number(found.get(_RTA_TABLE)) or table
    return Route(f"{target}/{length}", gateway, _number(found.get(_RTA_OIF)), table)


def _number(payload: memoryview | None) -> int:
    return int.from_bytes(payload, sys.byteorder) if payload is not None else 0
