"""Questions and answers in DNS's wire format (RFC 1035), by dnslib. Pure."""

import ipaddress
import random
from collections.abc import Collection
from typing import NamedTuple

from dnslib import AAAA, EDNS0, PTR, QTYPE, RCODE, RR, A, DNSBuffer, DNSHeader, DNSQuestion, DNSRecord

from sampan.resolver import table
from sampan.resolver.table import Client, Names

TTL = 600  # seconds, as Docker's
_HEADER = 12  # bytes
_LEAST = 512  # bytes that every client takes in a datagram (RFC 1035, 4.2.1)
_MOST = 65535  # bytes over TCP
_OURS = 1232  # bytes that come through everywhere unfragmented


class Asked(NamedTuple):
    header: DNSHeader
    question: DNSQuestion
    name: str  # lower case, without the last dot
    kind: str  # "A", …
    limit: int = _LEAST  # bytes of the answer
    extended: bool = False  # with EDNS (RFC 6891)


def read(data: bytes, *, stream: bool = False) -> Asked | None:
    """None: not a question that anybody answers. `stream`: it came over TCP."""
    try:
        buffer = DNSBuffer(data)
        header = DNSHeader.parse(buffer)
        if header.qr or header.opcode or header.q != 1:
            return None
        question = DNSQuestion.parse(buffer)
        name = str(question.qname).rstrip(".").lower()
        kind = str(QTYPE.get(question.qtype))
        size = _extension(buffer, header)
    except Exception:  # whatever dnslib makes of bytes that anybody may send
        return None
    limit = _MOST if stream else max(_LEAST, size)
    return Asked(header, question, name, kind, limit, size > 0)


def _extension(buffer: DNSBuffer, header: DNSHeader) -> int:
    """The size of a datagram that the client takes, in the pseudo-record of EDNS; 0: there is none."""
    if header.a or header.auth or header.ar != 1:
        return 0
    record = RR.parse(buffer)
    return int(record.rclass) or 1 if record.rtype == QTYPE.OPT else 0


def answer(asked: Asked, names: Names, client: Client, dead: Collection[str]) -> bytes | None:
    """What we know ourselves; None: somebody else is to be asked. A name of ours never leaves the machine,
    also where it has no address of the family that is asked for."""
    if asked.kind == "PTR":
        found = table.find_name(names, client, asked.name, dead)
        return None if found is None else _reply(asked, [PTR(found)])
    if asked.kind not in ("A", "AAAA"):
        return None
    addresses = table.find(names, client, asked.name, dead)
    if addresses is None:
        return None
    version = 4 if asked.kind == "A" else 6
    wanted = [one for one in addresses if ipaddress.ip_address(one).version == version]
    random.shuffle(wanted)
    return _reply(asked, [A(one) if version == 4 else AAAA(one) for one in wanted])


def failure(asked: Asked, code: str = "SERVFAIL") -> bytes:
    return _packed(asked, getattr(RCODE, code), [])


def belongs(reply: bytes, sent: bytes) -> bool:
    """Whether it answers what was sent: the same number, and the same question, however its case."""
    length = _question_length(sent)
    return (
        len(reply) >= _HEADER + length
        and reply[:2] == sent[:2]
        and bool(reply[2] & 0x80)
        and reply[_HEADER : _HEADER + length].lower() == sent[_HEADER : _HEADER + length].lower()
    )


def _question_length(data: bytes) -> int:
    buffer = DNSBuffer(data)
    DNSHeader.parse(buffer)
    DNSQuestion.parse(buffer)
    return int(buffer.offset) - _HEADER


def _reply(asked: Asked, found: list[A | AAAA | PTR]) -> bytes:
    return _packed(asked, RCODE.NOERROR, found)


def _packed(asked: Asked, code: int, found: list[A | AAAA | PTR]) -> bytes:
    """As many records as there is room for; a client that hears of more asks over TCP (RFC 2181, 9)."""
    header = DNSHeader(id=asked.header.id, qr=1, rd=asked.header.rd, ra=1, rcode=code)
    record = DNSRecord(header, q=asked.question)
    for one in found:
        kind = getattr(QTYPE, type(one).__name__)
        record.add_answer(RR(asked.question.qname, kind, ttl=TTL, rdata=one))
    if asked.extended:
        record.add_ar(EDNS0(udp_len=_OURS))
    packed = bytes(record.pack())
    while len(packed) > asked.limit and record.rr:
        header.tc = 1
        record.rr.pop()
        packed = bytes(record.pack())
    return packed
