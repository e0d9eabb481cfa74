"""nf_tables over nfnetlink: messages and expressions (uapi linux/netfilter/nf_tables.h, nfnetlink.h).

Everything of one `commit` happens at once or not at all. Numbers in attributes are in network order;
what a register holds is in the order of its source: addresses and ports as on the wire, the kernel's own
numbers (connection state, address type, protocol family) in host order.

Registers here are the 32-bit ones, 0 to 15; a field of a concatenation takes whole ones. An interface
name takes four.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sampan.linux import netlink
from sampan.linux.netlink import NLM_F_CREATE, NLM_F_REQUEST, Message, attribute, nested, text

NETLINK_NETFILTER = 12
_NFNL_SUBSYS_NFTABLES = 10
_NFGENMSG = struct.Struct("!BBH")  # struct nfgenmsg: nfgen_family, version, res_id
_BATCH = _NFGENMSG.pack(0, 0, _NFNL_SUBSYS_NFTABLES)
_BEGIN = Message(0x10, NLM_F_REQUEST, _BATCH)  # NFNL_MSG_BATCH_BEGIN
_END = Message(0x11, NLM_F_REQUEST, _BATCH)

NFPROTO_UNSPEC, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 = 0, 1, 2, 10
PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = range(5)  # enum nf_inet_hooks
DROP, ACCEPT = 0, 1  # NF_DROP, NF_ACCEPT
EQ, NEQ = 0, 1  # enum nft_cmp_ops

_NEWTABLE, _GETTABLE, _DELTABLE = 0, 1, 2
_NEWCHAIN, _GETCHAIN = 3, 4
_NEWRULE, _DELRULE = 6, 8
_NEWSET, _DELSET = 9, 11
_NEWSETELEM, _GETSETELEM, _DELSETELEM = 12, 13, 14

_SET_MAP = 0x8
_DATA_VALUE, _DATA_VERDICT = 1, 2
_VERDICT_TYPE = 0xFFFFFF00  # NFT_DATA_VERDICT
_REGISTER_0 = 8  # NFT_REG32_00
_REGISTER_VERDICT = 0
_ELEMENTS_PER_MESSAGE = 500  # the length of an attribute has 16 bits

# nft's own numbers for types (src/datatype.h), which the kernel only keeps: `nft list` reads by them.
# A concatenation joins them by 6 bits each.
TYPE_IPV4, TYPE_IPV6, TYPE_PROTOCOL, TYPE_PORT = 7, 8, 12, 13

_META_IIFNAME, _META_OIFNAME, _META_NFPROTO, _META_L4PROTO = 6, 7, 15, 16
_CT_STATE, _CT_STATUS = 0, 2
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_FIB_ADDRTYPE, _FIB_DADDR = 3, 2
_RTN_LOCAL = 2
_NAT_DNAT = 1
_CSUM_INET = 1  # NFT_PAYLOAD_CSUM_INET
_CHECKSUMS = {6: 16, 17: 6}  # where the headers of TCP and UDP have them

CT_ESTABLISHED, CT_RELATED = 0x2, 0x4  # NF_CT_STATE_BIT
CT_DNAT = 0x20  # IPS_DST_NAT


class Hook(NamedTuple):
    """What makes a base chain."""

    type: str  # "filter" | "nat" | "route"
    number: int
    priority: int
    policy: int = ACCEPT


class Chain(NamedTuple):
    family: int
    table: str
    name: str
    hook: Hook | None


class Set(NamedTuple):
    """A set, or a map if it has data. Types and lengths of the fields of key and data."""

    table: str
    name: str
    key: Sequence[int]  # TYPE_…
    data: Sequence[int] = ()


class Element(NamedTuple):
    key: bytes
    data: bytes = b""


class Socket(netlink.Socket):
    """Raises OSError(EPROTONOSUPPORT) where the kernel has no nfnetlink at all."""

    def __init__(self) -> None:
        super().__init__(NETLINK_NETFILTER)

    def __enter__(self) -> "Socket":
        return self

    def commit(self, messages: Sequence[Message]) -> None:
        self.transact(_BEGIN, messages, _END)

    def tables(self, family: int = NFPROTO_INET) -> list[str]:
        found = self.dump(_request(_GETTABLE, 0, family))
        return [netlink.string(_attributes(body)[1]) for body in found]

    def chains(self) -> list[Chain]:
        """Of every family and table."""
        return [_chain(body) for body in self.dump(_request(_GETCHAIN, 0, NFPROTO_UNSPEC))]

    def elements(self, table: str, name: str) -> list[Element]:
        found = []
        for body in self.dump(_request(_GETSETELEM, 0, NFPROTO_INET, text(1, table), text(2, name))):
            listed = _attributes(body).get(3, memoryview(b""))
            found += [_element(payload) for _, payload in netlink.sequence_of(listed)]
        return found


def table(name: str) -> Message:
    """Make a table be there (of family inet, as everything here)."""
    return _request(_NEWTABLE, NLM_F_CREATE, NFPROTO_INET, text(1, name))


def delete_table(name: str) -> Message:
    return _request(_DELTABLE, 0, NFPROTO_INET, text(1, name))


def chain(table: str, name: str, hook: Hook | None = None) -> Message:
    body = text(1, table) + text(3, name)
    if hook is not None:
        place = attribute(1, _be32(hook.number)) + attribute(2, struct.pack("!i", hook.priority))
        body += nested(4, place) + attribute(5, _be32(hook.policy)) + text(7, hook.type)
    return _request(_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET, body)


def flush_chain(table: str, name: str) -> Message:
    """Delete its rules."""
    return _request(_DELRULE, 0, NFPROTO_INET, text(1, table), text(2, name))


def rule(table: str, chain: str, expressions: Iterable[bytes], comment: str = "") -> Message:
    """Append a rule."""
    body = text(1, table) + text(2, chain) + nested(4, *(nested(1, one) for one in expressions))
    if comment:
        told = comment.encode() + b"\0"
        body += attribute(7, bytes((0, len(told))) + told)  # NFTNL_UDATA_RULE_COMMENT, as nft keeps it
    return _request(_NEWRULE, NLM_F_CREATE | netlink.NLM_F_APPEND, NFPROTO_INET, body)


def new_set(wanted: Set, number: int) -> Message:
    """`number`: any that no other set of the same commit has."""
    body = text(1, wanted.table) + text(2, wanted.name)
    body += attribute(3, _be32(_SET_MAP if wanted.data else 0))
    body += attribute(4, _be32(_joined(wanted.key))) + attribute(5, _be32(_length(wanted.key)))
    if wanted.data:
        body += attribute(6, _be32(_joined(wanted.data))) + attribute(7, _be32(_length(wanted.data)))
    return _request(_NEWSET, NLM_F_CREATE, NFPROTO_INET, body + attribute(10, _be32(number)))


def new_verdict_map(table: str, name: str, key: Sequence[int], number: int) -> Message:
    body = text(1, table) + text(2, name) + attribute(3, _be32(_SET_MAP))
    body += attribute(4, _be32(_joined(key))) + attribute(5, _be32(_length(key)))
    body += attribute(6, _be32(_VERDICT_TYPE)) + attribute(7, _be32(0)) + attribute(10, _be32(number))
    return _request(_NEWSET, NLM_F_CREATE, NFPROTO_INET, body)


def delete_set(table: str, name: str) -> Message:
    return _request(_DELSET, 0, NFPROTO_INET, text(1, table), text(2, name))


def add_elements(table: str, name: str, elements: Sequence[Element]) -> list[Message]:
    """Elements that are there already with the same data are no error."""
    return _element_messages(_NEWSETELEM, NLM_F_CREATE, table, name, elements)


def delete_elements(table: str, name: str, elements: Sequence[Element]) -> list[Message]:
    """One that is not there fails the whole commit with ENOENT."""
    keys = [one._replace(data=b"") for one in elements]
    return _element_messages(_DELSETELEM, 0, table, name, keys)


def meta_nfproto(register: int) -> bytes:
    return _meta(_META_NFPROTO, register)


def meta_l4proto(register: int) -> bytes:
    return _meta(_META_L4PROTO, register)


def meta_iifname(register: int) -> bytes:
    return _meta(_META_IIFNAME, register)


def meta_oifname(register: int) -> bytes:
    return _meta(_META_OIFNAME, register)


def ip_saddr(register: int) -> bytes:
    return _payload(_NETWORK_HEADER, 12, 4, register)


def ip_daddr(register: int) -> bytes:
    return _payload(_NETWORK_HEADER, 16, 4, register)


def ip6_saddr(register: int) -> bytes:
    """Four registers."""
    return _payload(_NETWORK_HEADER, 8, 16, register)


def ip6_daddr(register: int) -> bytes:
    return _payload(_NETWORK_HEADER, 24, 16, register)


def th_dport(register: int) -> bytes:
    """The destination port of tcp, udp, sctp; of another protocol, whatever is there."""
    return _payload(_TRANSPORT_HEADER, 2, 2, register)


def th_sport(register: int) -> bytes:
    return _payload(_TRANSPORT_HEADER, 0, 2, register)


def set_th_sport(register: int, protocol: int) -> bytes:
    """Write a port into the packet, and correct its checksum."""
    return _set_port(register, 0, protocol)


def set_th_dport(register: int, protocol: int) -> bytes:
    return _set_port(register, 2, protocol)


def ct_state(register: int) -> bytes:
    return _expression("ct", attribute(1, _register(register)), attribute(2, _be32(_CT_STATE)))


def ct_status(register: int) -> bytes:
    return _expression("ct", attribute(1, _register(register)), attribute(2, _be32(_CT_STATUS)))


def fib_daddr_local(register: int) -> list[bytes]:
    """`fib daddr type local`: the destination is an address of this machine."""
    look_up = attribute(1, _register(register)) + attribute(2, _be32(_FIB_ADDRTYPE))
    look_up += attribute(3, _be32(_FIB_DADDR))
    return [_expression("fib", look_up), compare(register, EQ, struct.pack("=I", _RTN_LOCAL))]


def bitwise(register: int, mask: bytes) -> bytes:
    """register &= mask"""
    body = attribute(1, _register(register)) + attribute(2, _register(register))
    body += attribute(3, _be32(len(mask))) + nested(4, attribute(_DATA_VALUE, mask))
    return _expression("bitwise", body, nested(5, attribute(_DATA_VALUE, bytes(len(mask)))))


def compare(register: int, operation: int, value: bytes) -> bytes:
    """Go on with the next rule unless register == value (EQ), or != (NEQ)."""
    body = attribute(1, _register(register)) + attribute(2, _be32(operation))
    return _expression("cmp", body, nested(3, attribute(_DATA_VALUE, value)))


def lookup(name: str, register: int, into: int | None = None) -> bytes:
    """Go on with the next rule unless the set has what `register` begins; a map's data go `into` a
    register."""
    body = text(1, name) + attribute(2, _register(register))
    return _expression("lookup", body, attribute(3, _register(into)) if into is not None else b"")


def lookup_verdict(name: str, register: int) -> bytes:
    """Do what a verdict map says."""
    body = text(1, name) + attribute(2, _register(register)) + attribute(3, _be32(_REGISTER_VERDICT))
    return _expression("lookup", body)


def immediate(register: int, value: bytes) -> bytes:
    body = attribute(1, _register(register)) + nested(2, attribute(_DATA_VALUE, value))
    return _expression("immediate", body)


def verdict(code: int) -> bytes:
    body = attribute(1, _be32(_REGISTER_VERDICT)) + nested(2, verdict_data(code))
    return _expression("immediate", body)


def verdict_data(code: int) -> bytes:
    return nested(_DATA_VERDICT, attribute(1, struct.pack("!i", code)))


def counter() -> bytes:
    return _expression("counter", attribute(1, bytes(8)) + attribute(2, bytes(8)))


def dnat_ipv4(address: int, port: int) -> bytes:
    """To the address and the port in two registers."""
    return _dnat(NFPROTO_IPV4, address, port)


def dnat_ipv6(address: int, port: int) -> bytes:
    """To the address in four registers and the port in one."""
    return _dnat(NFPROTO_IPV6, address, port)


def masquerade() -> bytes:
    return _expression("masq")


def interface_name(name: str) -> bytes:
    """As a register holds it: IFNAMSIZ bytes."""
    return name.encode().ljust(16, b"\0")


def _dnat(family: int, address: int, port: int) -> bytes:
    body = attribute(1, _be32(_NAT_DNAT)) + attribute(2, _be32(family))
    return _expression("nat", body, attribute(3, _register(address)) + attribute(5, _register(port)))


def _meta(key: int, register: int) -> bytes:
    return _expression("meta", attribute(1, _register(register)) + attribute(2, _be32(key)))


def _payload(base: int, offset: int, length: int, register: int) -> bytes:
    body = attribute(1, _register(register)) + attribute(2, _be32(base))
    return _expression("payload", body + attribute(3, _be32(offset)) + attribute(4, _be32(length)))


def _set_port(register: int, offset: int, protocol: int) -> bytes:
    body = attribute(2, _be32(_TRANSPORT_HEADER)) + attribute(3, _be32(offset)) + attribute(4, _be32(2))
    body += attribute(5, _register(register)) + attribute(6, _be32(_CSUM_INET))
    return _expression("payload", body + attribute(7, _be32(_CHECKSUMS[protocol])))


def _expression(name: str, *body: bytes) -> bytes:
    return text(1, name) + nested(2, *body)


def _register(number: int) -> bytes:
    return _be32(_REGISTER_0 + number)


def _be32(number: int) -> bytes:
    return struct.pack("!I", number)


def _length(types: Iterable[int]) -> int:
    """In bytes, each field in whole registers."""
    return sum(16 if one == TYPE_IPV6 else 4 for one in types)


def _joined(types: Iterable[int]) -> int:
    number = 0
    for one in types:
        number = number << 6 | one
    return number


def _request(kind: int, flags: int, family: int, *body: bytes) -> Message:
    header = _NFGENMSG.pack(family, 0, 0)
    return Message(_NFNL_SUBSYS_NFTABLES << 8 | kind, NLM_F_REQUEST | flags, header + b"".join(body))


def _element_messages(
    kind: int, flags: int, table: str, name: str, elements: Sequence[Element]
) -> list[Message]:
    messages = []
    for start in range(0, len(elements), _ELEMENTS_PER_MESSAGE):
        listed = (_element_attribute(one) for one in elements[start : start + _ELEMENTS_PER_MESSAGE])
        body = text(1, table) + text(2, name) + nested(3, *listed)
        messages.append(_request(kind, flags, NFPROTO_INET, body))
    return messages


def _element_attribute(element: Element) -> bytes:
    key = nested(1, attribute(_DATA_VALUE, element.key))
    return nested(1, key, nested(2, attribute(_DATA_VALUE, element.data)) if element.data else b"")


def _element(payload: memoryview) -> Element:
    found = netlink.attributes(payload)
    key = netlink.attributes(found[1])[_DATA_VALUE]
    data = netlink.attributes(found[2]).get(_DATA_VALUE, b"") if 2 in found else b""
    return Element(bytes(key), bytes(data))


def _chain(body: bytes) -> Chain:
    found = _attributes(body)
    hook = None
    if 4 in found:
        place = netlink.attributes(found[4])
        number = int.from_bytes(place[1], "big")
        priority = int.from_bytes(place[2], "big", signed=True)
        policy = int.from_bytes(found[5], "big") if 5 in found else ACCEPT
        hook = Hook(netlink.string(found.get(7, memoryview(b""))), number, priority, policy)
    return Chain(body[0], netlink.string(found[1]), netlink.string(found[3]), hook)


def _attributes(body: bytes) -> dict[int, memoryview]:
    return netlink.attributes(memoryview(body)[_NFGENMSG.size :])
