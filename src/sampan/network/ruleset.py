"""The firewall table as data: chains, maps and rules, in the order in which a packet meets them.

```
table inet NAME {
  map ports_any { ipproto . port : address . port }            -p 80:80
  map ports_at  { host address . ipproto . port : address . port }   -p 192.0.2.2:80:80

  raw-prerouting  (before connection tracking and anybody's DNAT)
     127.0.0.0/8 from or to the wire: drop          a port published on 127.0.0.1 is this machine's alone
     container's address, not from its bridge: drop a published port is the only way in
  nat-prerouting, nat-output
     ports_at, then ports_any where the destination is one of this machine's addresses
  forward
     to the bridge: established, from the bridge itself, or translated: accept; anything else: drop
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
from sampan.network.bridge import BridgeState

PORTS_ANY = "ports_any"
PORTS_AT = "ports_at"
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
_TARGET = (nft.TYPE_IPV4, nft.TYPE_PORT)
_MAPS = {
    PORTS_AT: (nft.TYPE_IPV4, nft.TYPE_PROTOCOL, nft.TYPE_PORT),
    PORTS_ANY: (nft.TYPE_PROTOCOL, nft.TYPE_PORT),
}
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
_PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()}
_IPV4 = (nft.meta_nfproto(0), nft.compare(0, nft.EQ, bytes((nft.NFPROTO_IPV4,))))
_IPV6 = (nft.meta_nfproto(0), nft.compare(0, nft.EQ, bytes((nft.NFPROTO_IPV6,))))


class Element(NamedTuple):
    """One published port: where packets arrive, and where they go."""

    host_ip: str  # "": any address of this machine
    protocol: str
    host_port: int
    address: str
    port: int


class Rule(NamedTuple):
    chain: str
    expressions: Sequence[bytes]
    comment: str


def skeleton(table: str, bridges: Iterable[BridgeState]) -> list[Message]:
    """Make the table be like this, whatever of it is there already; the maps keep their elements."""
    messages = [nft.table(table)]
    for number, (name, key) in enumerate(_MAPS.items(), 1):
        messages.append(nft.new_set(nft.Set(table, name, key, _TARGET), number))
    for name, hook in _CHAINS.items():
        messages += [nft.chain(table, name, hook), nft.flush_chain(table, name)]
    return messages + [nft.rule(table, *rule) for rule in rules(bridges)]


def rules(bridges: Iterable[BridgeState]) -> list[Rule]:
    found = [
        Rule(RAW, (*_IPV4, *_not_from("lo"), *_to("127.0.0.0/8"), *_drop()), "127.0.0.0/8 from the wire"),
        *(Rule(chain, expressions, "") for chain in (NAT_IN, NAT_OUT) for expressions in _translations()),
    ]
    for bridge in bridges:
        found += _bridge_rules(bridge)
    return found


def encode(element: Element) -> tuple[str, nft.Element]:
    """(map, element)"""
    port = bytes((PROTOCOLS[element.protocol], 0, 0, 0)) + _port(element.host_port)
    target = socket.inet_aton(element.address) + _port(element.port)
    if element.host_ip:
        return PORTS_AT, nft.Element(socket.inet_aton(element.host_ip) + port, target)
    return PORTS_ANY, nft.Element(port, target)


def decode(name: str, element: nft.Element) -> Element:
    host_ip, key = ("", element.key)
    if name == PORTS_AT:
        host_ip, key = socket.inet_ntoa(key[:4]), key[4:]
    protocol = _PROTOCOL_NAMES.get(key[0], str(key[0]))
    port, target_port = int.from_bytes(key[4:6], "big"), int.from_bytes(element.data[4:6], "big")
    return Element(host_ip, protocol, port, socket.inet_ntoa(element.data[:4]), target_port)


def _translations() -> list[tuple[bytes, ...]]:
    at = (nft.ip_daddr(0), nft.meta_l4proto(1), nft.th_dport(2), nft.lookup(PORTS_AT, 0, into=0))
    to_any = (nft.meta_l4proto(0), nft.th_dport(1), nft.lookup(PORTS_ANY, 0, into=0))
    go = nft.dnat_ipv4(0, 1)
    return [(*_IPV4, *at, go), (*_IPV4, *nft.fib_daddr_local(0), *to_any, go)]


def _bridge_rules(bridge: BridgeState) -> list[Rule]:
    name = bridge.name
    loopback = _from("127.0.0.0/8")
    found = [Rule(RAW, (*_IPV4, *_in(name), *loopback, *_drop()), "127.0.0.0/8 from a container")]
    found += _addressed(bridge, bridge.subnet, bridge.gateway)
    found += _forward_rules(bridge)
    if bridge.internal:
        return found
    translated = _masked(nft.ct_status, nft.CT_DNAT)
    found += _leaving(bridge, bridge.subnet)
    return [
        *found,
        Rule(
            POSTROUTING,
            (*_IPV4, *_out(name), *translated, *_from(bridge.subnet), nft.masquerade()),
            "hairpin",
        ),
        Rule(POSTROUTING, (*_IPV4, *_out(name), *translated, *loopback, nft.masquerade()), "from 127.0.0.1"),
    ] + (_addressed6(bridge) if bridge.subnet6 else [])


def _addressed(bridge: BridgeState, subnet: str, gateway: str) -> list[Rule]:
    others = (*_not_from("lo"), *_not_from(bridge.name))
    containers = (*_to(subnet), *(_to(gateway, nft.NEQ) if gateway else ()))
    family = _IPV6 if ":" in subnet else _IPV4
    return [Rule(RAW, (*family, *others, *containers, *_drop()), "container addressed directly")]


def _addressed6(bridge: BridgeState) -> list[Rule]:
    return _addressed(bridge, bridge.subnet6, bridge.gateway6) + _leaving(bridge, bridge.subnet6)


def _leaving(bridge: BridgeState, subnet: str) -> list[Rule]:
    if not bridge.masquerade:
        return []
    family = _IPV6 if ":" in subnet else _IPV4
    outside = (*family, *_out(bridge.name, nft.NEQ), *_from(subnet), nft.masquerade())
    return [Rule(POSTROUTING, outside, "to the outside")]


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
        Rule(FORWARD, (*_out(name), *_drop()), "not published"),
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
