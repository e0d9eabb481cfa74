"""The firewall table as data: chains, maps and rules, in the order in which a packet meets them.

```
table inet NAME {
  map ports_any { ipproto . port : address . port }            -p 80:80
  map ports_at  { host address . ipproto . port : address . port }   -p 192.0.2.2:80:80
  set open      { address . ipproto . port }                   -p 80 on a network whose gateway routes, or
                                                                     that trusts an interface
  (and ports6_any, ports6_at, open6 of IPv6)

  raw-prerouting  (before connection tracking and anybody's DNAT)
     127.0.0.0/8 from or to the wire: drop          a port published on 127.0.0.1 is this machine's alone
     container's address, not from its bridge: drop a published port is the only way in (but for gateways
                                                    of other modes, and interfaces that a network
                                                    trusts: `_addressed`)
  nat-prerouting, nat-output
     ports_at, then ports_any where the destination is one of this machine's addresses
  forward
     to the bridge: established, from the bridge itself, translated, or open: accept; anything else: drop
     to and from an internal one: only from itself
  nat-postrouting
     from the bridge's network to elsewhere: masquerade
     from there or 127.0.0.0/8 back to the bridge after translation (hairpin): masquerade, or the answer
     would take a shorter way home and not be recognized
}
```

The drops do not depend on anybody's policy. An `accept` in one base chain does not overrule a drop in
another's (`foreign_drops` in firewall.py).
"""

import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sampan.linux import nftables as nft
from sampan.linux.netlink import Message
from sampan.network.bridge import NAT_UNPROTECTED, ROUTED, BridgeState

PORTS_ANY, PORTS_AT, OPEN = "ports_any", "ports_at", "open"
PORTS6_ANY, PORTS6_AT, OPEN6 = "ports6_any", "ports6_at", "open6"
RAW, NAT_IN, NAT_OUT, FORWARD, POSTROUTING = (
    "raw-prerouting",
    "nat-prerouting",
    "nat-output",
    "forward",
    "nat-postrouting",
)

# Priorities are NF_IP_PRI_RAW, _NAT_DST, _FILTER and _NAT_SRC (uapi linux/netfilter_ipv4.h).
_CHAINS = {
    RAW: nft.Hook("filter", nft.PREROUTING, -300),
    NAT_IN: nft.Hook("nat", nft.PREROUTING, -100),
    NAT_OUT: nft.Hook("nat", nft.OUTPUT, -100),
    FORWARD: nft.Hook("filter", nft.FORWARD, 0),
    POSTROUTING: nft.Hook("nat", nft.POSTROUTING, 100),
}
_PROTOCOL_AND_PORT = (nft.TYPE_PROTOCOL, nft.TYPE_PORT)
_TARGET = (nft.TYPE_IPV4, nft.TYPE_PORT)
_TARGET6 = (nft.TYPE_IPV6, nft.TYPE_PORT)
SETS: dict[str, tuple[Sequence[int], Sequence[int]]] = {  # types of key and data
    PORTS_AT: ((nft.TYPE_IPV4, *_PROTOCOL_AND_PORT), _TARGET),
    PORTS_ANY: (_PROTOCOL_AND_PORT, _TARGET),
    OPEN: ((nft.TYPE_IPV4, *_PROTOCOL_AND_PORT), ()),
    PORTS6_AT: ((nft.TYPE_IPV6, *_PROTOCOL_AND_PORT), _TARGET6),
    PORTS6_ANY: (_PROTOCOL_AND_PORT, _TARGET6),
    OPEN6: ((nft.TYPE_IPV6, *_PROTOCOL_AND_PORT), ()),
}
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}
_IPV4 = (nft.meta_nfproto(0), nft.compare(0, nft.EQ, bytes((nft.NFPROTO_IPV4,))))
_IPV6 = (nft.meta_nfproto(0), nft.compare(0, nft.EQ, bytes((nft.NFPROTO_IPV6,))))
_ICMP = {4: 1, 6: 58}


class Element(NamedTuple):
    """One published port: where packets arrive, and where they go. Of both families: `address` says which."""

    host_ip: str  # "": any address of this machine
    protocol: str
    host_port: int  # 0: none, the container's address itself is open at `port`
    address: str
    port: int


class Rule(NamedTuple):
    chain: str
    expressions: Sequence[bytes]
    comment: str


def skeleton(table: str, bridges: Iterable[BridgeState]) -> list[Message]:
    """Make the table be like this, whatever of it is there already; the maps keep their elements."""
    messages = [nft.table(table)]
    for number, (name, (key, data)) in enumerate(SETS.items(), 1):
        messages.append(nft.new_set(nft.Set(table, name, key, data), number))
    for name, hook in _CHAINS.items():
        messages += [nft.chain(table, name, hook), nft.flush_chain(table, name)]
    return messages + [nft.rule(table, *rule) for rule in rules(bridges)]


def rules(bridges: Iterable[BridgeState]) -> list[Rule]:
    every = list(bridges)
    found = [
        Rule(RAW, (*_IPV4, *_not_from("lo"), *_to("127.0.0.0/8"), *_drop()), "127.0.0.0/8 from the wire"),
        *(Rule(chain, expressions, "") for chain in (NAT_IN, NAT_OUT) for expressions in _translations()),
    ]
    for bridge in every:
        found += _bridge_rules(bridge, [other.name for other in every if other is not bridge])
    return found


def encode(element: Element) -> tuple[str, nft.Element]:
    """(set, element)"""
    port = bytes((PROTOCOLS[element.protocol], 0, 0, 0))
    target = _packed(element.address)
    six = len(target) == 16
    if not element.host_port:
        return OPEN6 if six else OPEN, nft.Element(target + port + _port(element.port))
    port += _port(element.host_port)
    data = target + _port(element.port)
    if element.host_ip:
        return PORTS6_AT if six else PORTS_AT, nft.Element(_packed(element.host_ip) + port, data)
    return PORTS6_ANY if six else PORTS_ANY, nft.Element(port, data)


def decode(name: str, element: nft.Element) -> Element:
    key, data = element.key, element.data
    protocol, number = _PROTOCOL_NAMES.get(key[-8], str(key[-8])), int.from_bytes(key[-4:-2], "big")
    before = _text(key[:-8])
    if not data:
        return Element("", protocol, 0, before, number)
    return Element(before, protocol, number, _text(data[:-4]), int.from_bytes(data[-4:-2], "big"))


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _text(address: bytes) -> str:
    if not address:
        return ""
    return socket.inet_ntop(socket.AF_INET6 if len(address) == 16 else socket.AF_INET, address)


def _translations() -> list[tuple[bytes, ...]]:
    """Of IPv6 neither ::1, which no other machine would answer to, nor a link's own addresses, which are not
    forwarded (RFC 4291, 2.5.6): what is published there is relayed."""
    at = (nft.ip_daddr(0), nft.meta_l4proto(1), nft.th_dport(2), nft.lookup(PORTS_AT, 0, into=0))
    at6 = (nft.ip6_daddr(0), nft.meta_l4proto(4), nft.th_dport(5), nft.lookup(PORTS6_AT, 0, into=0))
    to_any = (nft.meta_l4proto(0), nft.th_dport(1))
    go, go6 = nft.dnat_ipv4(0, 1), nft.dnat_ipv6(0, 4)
    beyond = (*_to("::1", nft.NEQ), *_to("fe80::/10", nft.NEQ), *nft.fib_daddr_local(0))
    return [
        (*_IPV4, *at, go),
        (*_IPV4, *nft.fib_daddr_local(0), *to_any, nft.lookup(PORTS_ANY, 0, into=0), go),
        (*_IPV6, *at6, go6),
        (*_IPV6, *beyond, *to_any, nft.lookup(PORTS6_ANY, 0, into=0), go6),
    ]


def _bridge_rules(bridge: BridgeState, others: Sequence[str]) -> list[Rule]:
    name = bridge.name
    found = [Rule(RAW, (*_IPV4, *_in(name), *_from("127.0.0.0/8"), *_drop()), "127.0.0.0/8 from a container")]
    for family in _families(bridge):
        found += _addressed(family, bridge, others)
    found += _forward_rules(bridge)
    if bridge.internal:
        return found
    for family in _families(bridge):
        found += _leaving(family, bridge)
    return found


class _Family(NamedTuple):
    """What a bridge has of one: its networks, and how its gateway is."""

    version: int
    subnet: str
    gateway: str
    mode: str

    @property
    def matches(self) -> tuple[bytes, ...]:
        return _IPV6 if self.version == 6 else _IPV4


def _families(bridge: BridgeState) -> list[_Family]:
    both = (
        _Family(4, bridge.subnet, bridge.gateway, bridge.mode),
        _Family(6, bridge.subnet6, bridge.gateway6, bridge.mode6),
    )
    return [one for one in both if one.subnet]


def _addressed(family: _Family, bridge: BridgeState, others: Sequence[str]) -> list[Rule]:
    """Who may send to a container's address: nobody but this machine, the bridge itself, and what comes from
    interfaces that it trusts. Where the gateway does not protect, all but our other bridges; where it routes,
    whoever the forward chain lets in."""
    if family.mode == ROUTED:
        return []
    to = (*_to(family.subnet), *(_to(family.gateway, nft.NEQ) if family.gateway else ()))
    if family.mode == NAT_UNPROTECTED:
        return [
            Rule(RAW, (*family.matches, *_in(other), *to, *_drop()), "from another network")
            for other in others
            if other not in bridge.trusted
        ]
    outside = [part for name in ("lo", bridge.name, *bridge.trusted) for part in _not_from(name)]
    return [Rule(RAW, (*family.matches, *outside, *to, *_drop()), "container addressed directly")]


def _leaving(family: _Family, bridge: BridgeState) -> list[Rule]:
    name, out = bridge.name, (*family.matches, *_out(bridge.name))
    translated = _masked(nft.ct_status, nft.CT_DNAT)
    found = []
    if bridge.masquerade and family.mode != ROUTED:
        outside = (*family.matches, *_out(name, nft.NEQ), *_from(family.subnet), nft.masquerade())
        found.append(Rule(POSTROUTING, outside, "to the outside"))
    hairpin = (*out, *translated, *_from(family.subnet), nft.masquerade())
    found.append(Rule(POSTROUTING, hairpin, "hairpin"))
    if family.version == 4:
        loopback = (*out, *translated, *_from("127.0.0.0/8"), nft.masquerade())
        found.append(Rule(POSTROUTING, loopback, "from 127.0.0.1"))
    return found


def _forward_rules(bridge: BridgeState) -> list[Rule]:
    """Between containers of one bridge a packet comes by here only where the bridge calls the firewall
    (br_netfilter); without `icc` their ports are isolated from each other besides."""
    name = bridge.name
    accept = nft.verdict(nft.ACCEPT)
    going_on = _masked(nft.ct_state, nft.CT_ESTABLISHED | nft.CT_RELATED)
    translated = _masked(nft.ct_status, nft.CT_DNAT)
    between = [Rule(FORWARD, (*_out(name), *_in(name), accept), "between containers")] if bridge.icc else []
    if bridge.internal:
        return [
            *between,
            Rule(FORWARD, (*_out(name), *_drop()), "into an internal network"),
            Rule(FORWARD, (*_in(name), *_drop()), "out of an internal network"),
        ]
    return [
        Rule(FORWARD, (*_out(name), *going_on, accept), ""),
        *between,
        Rule(FORWARD, (*_out(name), *translated, accept), "published"),
        *(rule for family in _families(bridge) for rule in _entering(family, bridge)),
        Rule(FORWARD, (*_out(name), *_drop()), "not published"),
    ]


def _entering(family: _Family, bridge: BridgeState) -> list[Rule]:
    """By a container's own address."""
    accept = nft.verdict(nft.ACCEPT)
    way = (*family.matches, *_out(bridge.name))
    if family.mode == NAT_UNPROTECTED:
        return [Rule(FORWARD, (*way, accept), "not protected")]
    if family.version == 6:
        at = (nft.ip6_daddr(0), nft.meta_l4proto(4), nft.th_dport(5), nft.lookup(OPEN6, 0))
    else:
        at = (nft.ip_daddr(0), nft.meta_l4proto(1), nft.th_dport(2), nft.lookup(OPEN, 0))
    if family.mode != ROUTED:
        return [Rule(FORWARD, (*way, *_in(one), *at, accept), "published, trusted") for one in bridge.trusted]
    echo = (nft.meta_l4proto(0), nft.compare(0, nft.EQ, bytes((_ICMP[family.version],))))
    return [
        Rule(FORWARD, (*way, *echo, accept), "ICMP to a routed network"),
        Rule(FORWARD, (*way, *at, accept), "published at its own address"),
    ]


def _in(name: str, operation: int = nft.EQ) -> tuple[bytes, ...]:
    return nft.meta_iifname(0), nft.compare(0, operation, nft.interface_name(name))


def _not_from(name: str) -> tuple[bytes, ...]:
    return _in(name, nft.NEQ)


def _out(name: str, operation: int = nft.EQ) -> tuple[bytes, ...]:
    return nft.meta_oifname(0), nft.compare(0, operation, nft.interface_name(name))


def _to(network: str, operation: int = nft.EQ) -> tuple[bytes, ...]:
    return (nft.ip6_daddr if ":" in network else nft.ip_daddr)(0), *_within(network, operation)


def _from(network: str) -> tuple[bytes, ...]:
    return (nft.ip6_saddr if ":" in network else nft.ip_saddr)(0), *_within(network, nft.EQ)


def _within(network: str, operation: int) -> tuple[bytes, ...]:
    """`network` begins with its network address, or is one address."""
    address, _, length = network.partition("/")
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    bits = 8 * len(packed)
    value = nft.compare(0, operation, packed)
    if not length or int(length) == bits:
        return (value,)
    mask = ((1 << bits) - 1) ^ ((1 << (bits - int(length))) - 1)
    return nft.bitwise(0, mask.to_bytes(len(packed), "big")), value


def _masked(load: Callable[[int], bytes], bits: int) -> tuple[bytes, ...]:
    """Any of these bits, in host order."""
    return load(0), nft.bitwise(0, struct.pack("=I", bits)), nft.compare(0, nft.NEQ, bytes(4))


def _drop() -> tuple[bytes, ...]:
    return nft.counter(), nft.verdict(nft.DROP)


def _port(number: int) -> bytes:
    """Two bytes in network order, padded to a register."""
    return struct.pack("!Hxx", number)
