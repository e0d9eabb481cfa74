"""What the resolver of names makes of clients and servers that do everything wrong, or much at once."""

import ctypes
import os
import random
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, TXT, DNSRecord

from harness.clients import Client
from harness.daemon import Daemon
from harness.upstream import Upstream
from harness.waiting import FACTOR

RESOLVER = ("127.0.0.11", 53)
MUCH = int(os.environ.get("SAMPAN_HOSTILE_PACKETS", "2000"))
# Where servers of the tests for the rest of the world are.
FIRST, SECOND = (f"127.98.{os.getpid() // 250 % 250}.{os.getpid() % 250 + n}" for n in (1, 2))
_CLONE_NEWNET = 0x40000000
_TRIES = 3  # as resolv.conf(5) has it, or one more: a datagram may be lost


def within(pid: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> socket.socket:
    """A socket to the resolver from inside a container. setns(2) is the thread's."""

    def work() -> socket.socket:
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(namespace)
        made = socket.socket(socket.AF_INET, kind)
        made.settimeout(10 * FACTOR)
        made.connect(RESOLVER)
        return made

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def ask(end: socket.socket, name: str, kind: str = "A", size: int = 0) -> DNSRecord:
    question = DNSRecord.question(name, kind)
    if size:
        question.add_ar(EDNS0(udp_len=size))
    data = bytes(question.pack())
    if end.type == socket.SOCK_DGRAM:
        for _ in range(_TRIES):
            end.send(data)
            with suppress(TimeoutError):
                while (reply := end.recv(65535))[:2] != data[:2]:  # an answer to something before
                    pass
                return DNSRecord.parse(reply)
        raise TimeoutError(f"nobody answers for {name}")
    end.sendall(struct.pack("!H", len(data)) + data)
    return DNSRecord.parse(_exactly(end, *struct.unpack("!H", _exactly(end, 2))))


def _exactly(end: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = end.recv(count - len(found))
        assert more, "the end"
        found += more
    return found


def found(reply: DNSRecord) -> list[str]:
    return [str(one.rdata) for one in reply.rr]


@pytest.fixture
def two(daemon: Daemon, sampan: Client) -> Iterator[Callable[[int], int]]:
    """The pid of container `one` or `two`, by number. Their world is at FIRST, then at SECOND."""
    sampan("network", "create", "hostile")
    for name in ("one", "two"):
        words = ("--network", "hostile", "--dns", FIRST, "--dns", SECOND)
        sampan("run", "-d", "--name", name, *words, "busybox", "sleep", "100000")
    pids = [int(daemon.get(f"/containers/{name}/json")["State"]["Pid"]) for name in ("one", "two")]
    yield pids.__getitem__
    sampan("rm", "-f", "one", "two")
    sampan("network", "rm", "hostile")


def test_big_answers_and_tcp(two: Callable[[int], int], daemon: Daemon) -> None:
    def big(question: DNSRecord, stream: bool) -> bytes:
        """All of it over TCP; over UDP what the client takes."""
        reply = question.reply()
        for number in range(200):
            reply.add_answer(RR(question.q.qname, QTYPE.TXT, rdata=TXT(f"{number}" * 60)))
        limit = 65535 if stream else int(question.ar[0].rclass) if question.ar else 512
        while len(reply.pack()) > limit:
            reply.header.tc = 1
            reply.rr.pop()
        return bytes(reply.pack())

    place = daemon.get("/containers/two/json")["NetworkSettings"]["Networks"]["hostile"]["IPAddress"]
    with (
        Upstream(FIRST, big),
        closing(within(two(0))) as udp,
        closing(within(two(0), socket.SOCK_STREAM)) as tcp,
    ):
        small, wide, whole = ask(udp, "big.", "TXT"), ask(udp, "big.", "TXT", 4096), ask(tcp, "big.", "TXT")
        assert [one.header.tc for one in (small, wide, whole)] == [1, 1, 0]
        assert len(small.rr) < len(wide.rr) < len(whole.rr) == 200
        assert found(ask(tcp, "two")) == [place], "on the same connection"
        assert found(ask(udp, "two", size=1232)) == [place]


def test_a_server_that_fails_and_one_that_is_gone(two: Callable[[int], int]) -> None:
    def fails(question: DNSRecord, _stream: bool) -> bytes:
        reply = question.reply()
        reply.header.rcode = RCODE.SERVFAIL
        return bytes(reply.pack())

    with Upstream(SECOND), closing(within(two(0))) as udp, closing(within(two(0), socket.SOCK_STREAM)) as tcp:
        assert [ask(one, "nowhere.").header.rcode for one in (udp, tcp)] == [RCODE.NXDOMAIN] * 2
        with Upstream(FIRST, fails):
            assert [ask(one, "nowhere.").header.rcode for one in (udp, tcp)] == [RCODE.NXDOMAIN] * 2
    with Upstream(FIRST, fails), closing(within(two(0))) as udp:
        assert ask(udp, "nowhere.").header.rcode == RCODE.SERVFAIL


def test_who_waits_for_a_slow_server_holds_nobody(two: Callable[[int], int]) -> None:
    """More questions than one container may have open; and connections that say nothing."""

    def slow(question: DNSRecord, _stream: bool) -> bytes | None:
        if str(question.q.qname).startswith("slow"):
            return None
        reply = question.reply()
        reply.header.rcode = RCODE.NXDOMAIN
        return bytes(reply.pack())

    idle = [within(two(0), socket.SOCK_STREAM) for _ in range(50)]
    with Upstream(FIRST, slow), closing(within(two(0))) as one, closing(within(two(1))) as other:
        for number in range(1500):
            one.send(bytes(DNSRecord.question(f"slow{number}.").pack()))
        for number in range(20):
            assert found(ask(other, "one"))
            assert ask(other, f"nowhere{number}.").header.rcode == RCODE.NXDOMAIN
            assert found(ask(one, "two"))
    for end in idle:
        end.close()


def test_noise(two: Callable[[int], int]) -> None:
    chance = random.Random(os.environ.get("SAMPAN_SEED", "20261124"))
    with Upstream(FIRST), closing(within(two(0))) as udp:
        for number in range(MUCH):
            data = bytearray(DNSRecord.question("two", chance.choice(("A", "PTR", "ANY"))).pack())
            for _ in range(chance.randrange(1, 9)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            data += chance.randbytes(chance.choice((0, 0, 3, 40, 1400)))
            udp.send(bytes(data[: chance.randrange(len(data) + 1)]))
            if not number % 50:
                assert found(ask(udp, "two"))
        for data in (b"\xc0\x0c" * 700, b"\x3f" * 9000, bytes(12) + b"\x01a" * 4000, b"\0" * 30000):
            udp.send(data)
        for data in (b"", b"\0", b"\0\0", b"\xff\xff" + b"x" * 70000, b"\0\x0c" + bytes(12)):
            with closing(within(two(0), socket.SOCK_STREAM)) as tcp:
                tcp.sendall(data)
                tcp.shutdown(socket.SHUT_WR)
                with pytest.raises((AssertionError, ConnectionError)):
                    _exactly(tcp, 1)
        assert found(ask(udp, "two"))
