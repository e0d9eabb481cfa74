import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from sampan.resolver import answer
from sampan.resolver.table import Client, Entry, Names, Network

NAMES = Names(
    {"n": Network("one", False, ["172.18.0.1"], [Entry("w", ["web"], ["172.18.0.2", "fd00::2"])])}, {}
)
CLIENT = Client(["n"], {}, [])


def ask(name: str, kind: str = "A") -> bytes:
    return bytes(DNSRecord.question(name, kind).pack())


def told(name: str, kind: str = "A") -> DNSRecord | None:
    asked = answer.read(ask(name, kind))
    assert asked is not None
    reply = answer.answer(asked, NAMES, CLIENT, set())
    assert reply is None or isinstance(reply, bytes)
    return None if reply is None else DNSRecord.parse(reply)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web", "A", ["172.18.0.2"]),
        ("WeB", "A", ["172.18.0.2"]),
        ("web", "AAAA", ["fd00::2"]),
        ("2.0.18.172.in-addr.arpa", "PTR", ["web.one."]),
        ("host.docker.internal", "AAAA", []),
    ],
)
def test_ours(name: str, kind: str, expected: list[str]) -> None:
    reply = told(name, kind)
    assert reply is not None
    assert (reply.header.rcode, reply.header.qr, reply.header.ra) == (RCODE.NOERROR, 1, 1)
    assert str(reply.q.qname).rstrip(".") == name and QTYPE[reply.q.qtype] == kind
    assert [str(one.rdata) for one in reply.rr] == expected


@pytest.mark.parametrize(
    ("name", "kind"), [("example.com", "A"), ("web", "MX"), ("1.0.0.10.in-addr.arpa", "PTR")]
)
def test_somebody_elses(name: str, kind: str) -> None:
    assert told(name, kind) is None


def test_a_failure_repeats_the_question() -> None:
    asked = answer.read(ask("example.com"))
    assert asked is not None
    reply = DNSRecord.parse(answer.failure(asked))
    assert (reply.header.id, reply.header.rcode) == (asked.header.id, RCODE.SERVFAIL)


def test_an_answer_belongs_to_its_question_only() -> None:
    sent = ask("example.com")
    reply = bytes(DNSRecord.parse(sent).reply().pack())
    assert answer.belongs(reply, sent)
    assert answer.belongs(reply.replace(b"example", b"eXample"), sent)
    assert not answer.belongs(b"\0\0" + reply[2:], b"\1\1" + sent[2:])
    assert not answer.belongs(reply.replace(b"example", b"exampel"), sent)
    assert not answer.belongs(sent, sent), "a question is no answer"
    assert not answer.belongs(reply[:8], sent)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 11, b"\0" * 12, b"\0" * 4 + b"\0\1" + b"\0" * 6 + b"\xc0\x0c\0\1\0\1", ask("a")[:-3]],
    ids=["nothing", "short", "no question", "a name in a circle", "cut off"],
)
def test_what_is_no_question(data: bytes) -> None:
    assert answer.read(data) is None


@given(st.binary(max_size=600))
def test_whatever_comes_in(data: bytes) -> None:
    for one in (data, ask("web")[:12] + data):
        if (asked := answer.read(one)) is not None:
            reply = answer.answer(asked, NAMES, CLIENT, set())
            assert reply is None or isinstance(reply, bytes)
            answer.failure(asked)


def shared(count: int) -> Names:
    """An alias that many have."""
    entries = [Entry(f"w{n}", ["all"], [f"172.18.0.{n}", f"fd00::{n}"]) for n in range(2, count + 2)]
    return Names({"n": Network("one", False, ["172.18.0.1"], entries)}, {})


@pytest.mark.parametrize("size", [0, 100, 700, 1232, 4096])
@pytest.mark.parametrize("kind", ["A", "AAAA"])
def test_what_does_not_fit_is_asked_for_over_tcp(kind: str, size: int) -> None:
    question = DNSRecord.question("all", kind)
    if size:
        question.add_ar(EDNS0(udp_len=size))
    names = shared(50)
    for stream in (False, True):
        asked = answer.read(bytes(question.pack()), stream=stream)
        assert asked is not None
        packed = answer.answer(asked, names, CLIENT, set())
        assert packed is not None
        reply = DNSRecord.parse(packed)
        assert len(packed) <= (65535 if stream else max(512, size))
        assert (reply.header.tc == 1) == (len(reply.rr) < 50)
        assert len(reply.rr) == 50 or (not stream and len(packed) > max(512, size) - 40)
        assert [one.rtype for one in reply.ar] == [QTYPE.OPT] * (size > 0)


def test_an_extension_that_is_none() -> None:
    whole = ask("web")
    for rest in (b"\0", b"\0\0\x29\x10", b"\xc0\x0c" * 20, b"\xff" * 400):
        broken = whole[:10] + b"\0\1" + whole[12:] + rest
        asked = answer.read(broken)
        assert asked is None or asked.limit == 512
