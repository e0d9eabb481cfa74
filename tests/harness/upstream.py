"""A name server for the world, which the tests own: `Upstream("127.99.0.1")`."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from dnslib import RCODE, DNSError, DNSRecord

Act = Callable[[DNSRecord, bool], bytes | None]  # (question, over TCP) → the answer; None: silence


def nobody(question: DNSRecord, _stream: bool) -> bytes:
    """There is no such name."""
    reply = question.reply()
    reply.header.rcode = RCODE.NXDOMAIN
    return bytes(reply.pack())


class Upstream:
    """Answers over UDP and TCP at port 53 of `address` until it is closed."""

    def __init__(self, address: str, act: Act = nobody) -> None:
        self.asked: list[str] = []
        self._act = act
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for one in (self._udp, self._tcp):
            one.bind((address, 53))
        self._tcp.listen()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._datagrams, self._connections)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Upstream":
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._udp, self._tcp):
            with contextlib.suppress(OSError):  # a socket of UDP is not connected, and wakes up all the same
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:  # a socket that somebody still reads keeps its address
            thread.join(5)
        for one in (self._udp, self._tcp):
            one.close()

    def _answer(self, data: bytes, stream: bool) -> bytes | None:
        try:
            question = DNSRecord.parse(data)
        except DNSError:
            return None
        self.asked.append(str(question.q.qname))
        return self._act(question, stream)

    def _datagrams(self) -> None:
        while True:
            try:
                data, where = self._udp.recvfrom(65535)
                if not where:
                    return
                if (reply := self._answer(data, False)) is not None:
                    self._udp.sendto(reply, where)
            except OSError:
                return

    def _connections(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            while len(head := file.read(2)) == 2:
                reply = self._answer(file.read(*struct.unpack("!H", head)), True)
                if reply is None:
                    return
                connection.sendall(struct.pack("!H", len(reply)) + reply)
