"""Tracked connections over nfnetlink: find and delete (uapi linux/netfilter/nfnetlink_conntrack.h)."""

import struct
from _socket import AF_INET, AF_INET6, inet_ntop
from collections.abc import Mapping
from typing import NamedTuple

from sampan.linux import netlink
from sampan.linux.netlink import NLM_F_REQUEST, Message, attribute, nested
from sampan.linux.nftables import NETLINK_NETFILTER

_SUBSYSTEM = 1 << 8  # NFNL_SUBSYS_CTNETLINK
_GET, _DELETE = 1, 2
_NFGENMSG = struct.Struct("!BBH")

_CTA_TUPLE_ORIG = 1
_CTA_TUPLE_REPLY = 2
_CTA_ID = 12
_CTA_ZONE = 18
_CTA_FILTER = 25
_CTA_TUPLE_IP = 1
_CTA_TUPLE_PROTO = 2
_CTA_IP_V4_SRC, _CTA_IP_V6_SRC = 1, 3
_CTA_IP_V4_DST, _CTA_IP_V6_DST = 2, 4
_CTA_PROTO_NUM = 1
_CTA_PROTO_DST_PORT = 3
_CTA_FILTER_ORIG_FLAGS = 1
_PROTO_NUM_FLAG = 1 << 3  # CTA_FILTER_F_CTA_PROTO_NUM (net/netfilter/nf_internals.h)


class Flow(NamedTuple):
    """One tracked connection, as its first packet went, and where answers come from."""

    protocol: int
    source: str
    destination: str
    destination_port: int
    replier: str  # after translation: the container
    attributes: bytes  # what names it to the kernel


class Socket(netlink.Socket):
    def __init__(self) -> None:
        super().__init__(NETLINK_NETFILTER)

    def __enter__(self) -> "Socket":
        return self

    def flows(self, protocol: int) -> list[Flow]:
        """The kernel filters since Linux 5.8; before, all come and we do."""
        wanted = nested(_CTA_TUPLE_PROTO, attribute(_CTA_PROTO_NUM, bytes((protocol,))))
        body = nested(_CTA_TUPLE_ORIG, wanted)
        body += nested(_CTA_FILTER, netlink.u32(_CTA_FILTER_ORIG_FLAGS, _PROTO_NUM_FLAG))
        dumped = [one for family in (AF_INET, AF_INET6) for one in self.dump(_request(_GET, body, family))]
        return [flow for flow in map(_flow, dumped) if flow.protocol == protocol]

    def delete(self, flow: Flow) -> None:
        """Raises OSError(ENOENT) when it has ended meanwhile."""
        family = AF_INET6 if ":" in flow.source else AF_INET
        self.talk([_request(_DELETE, flow.attributes, family)])


def _request(kind: int, body: bytes, family: int) -> Message:
    return Message(_SUBSYSTEM | kind, NLM_F_REQUEST, _NFGENMSG.pack(family, 0, 0) + body)


def _flow(body: bytes) -> Flow:
    found = netlink.attributes(memoryview(body)[_NFGENMSG.size :])
    original, reply = netlink.attributes(found[_CTA_TUPLE_ORIG]), netlink.attributes(found[_CTA_TUPLE_REPLY])
    addresses, ports = (netlink.attributes(original[n]) for n in (_CTA_TUPLE_IP, _CTA_TUPLE_PROTO))
    # Exactly this one: its tuple, its zone, and its number, should another have taken the tuple.
    named = nested(_CTA_TUPLE_ORIG, bytes(found[_CTA_TUPLE_ORIG]))
    named += b"".join(attribute(kind, bytes(found[kind])) for kind in (_CTA_ID, _CTA_ZONE) if kind in found)
    return Flow(
        ports[_CTA_PROTO_NUM][0],
        _address(addresses, _CTA_IP_V4_SRC, _CTA_IP_V6_SRC),
        _address(addresses, _CTA_IP_V4_DST, _CTA_IP_V6_DST),
        int.from_bytes(ports.get(_CTA_PROTO_DST_PORT, b""), "big"),
        _address(netlink.attributes(reply[_CTA_TUPLE_IP]), _CTA_IP_V4_SRC, _CTA_IP_V6_SRC),
        named,
    )


def _address(found: Mapping[int, memoryview], four: int, six: int) -> str:
    if four in found:
        return inet_ntop(AF_INET, bytes(found[four]))
    return inet_ntop(AF_INET6, bytes(found[six]))
