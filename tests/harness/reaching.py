"""Who reaches whom, all at once: sockets in many network namespaces, and one process that plays every part.

A socket stays in the namespace in which it was made (setns(2)), so that nothing has to be started there.
"""

import contextlib
import ctypes
import os
import selectors
import socket
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from harness.waiting import FACTOR

CLONE_NEWNET = 0x40000000
PATIENCE = 20.0 * FACTOR  # for what must arrive
DOUBT = 0.7 * FACTOR  # after that, for what must not
AGAIN = 0.3  # a datagram may be lost while neighbours are looked for

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace. The descriptor is its own."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.fd)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self.fd)
            try:
                yield
            finally:
                _enter(back)
        finally:
            os.close(back)

    def socket(self, address: str, kind: int) -> socket.socket:
        with self.inside():
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        made.setblocking(False)
        return made

    def sysctl(self, path: str, value: str) -> None:
        with self.inside(), contextlib.suppress(FileNotFoundError):
            Path("/proc/sys/net", path).write_text(value)


def _enter(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


class Service(NamedTuple):
    """Somebody listens, tcp and udp."""

    where: Namespace
    address: str
    port: int


class Try(NamedTuple):
    """One cell: from whom, to what, how. `name` is all that the outcome knows of it."""

    name: str
    source: Namespace
    address: str
    port: int
    protocol: str  # "tcp" | "udp"


class Outcome(NamedTuple):
    arrived: dict[str, str]  # name → the address that it was seen with
    answered: set[str]


class Trial:
    """Closed by whoever made it."""

    def __init__(self, services: Collection[Service]) -> None:
        self._selector = selectors.DefaultSelector()
        self._stack = contextlib.ExitStack()
        self._stack.callback(self._selector.close)
        self.arrived: dict[str, str] = {}
        self.answered: set[str] = set()
        for service in services:
            self._serve(service)

    def close(self) -> None:
        self._stack.close()

    def run(self, tries: Collection[Try], expected: Collection[str]) -> Outcome:
        """Ends when all that is `expected` was answered and nothing more has come for a while."""
        waiting = {one.name: self._begin(one) for one in tries}
        deadline = time.monotonic() + PATIENCE
        while not self.answered.issuperset(expected) and time.monotonic() < deadline:
            self._turn(AGAIN)
            for one in tries:
                if one.protocol == "udp" and one.name not in self.answered:
                    _send(waiting[one.name], one)
        quiet = time.monotonic() + DOUBT
        while time.monotonic() < quiet:
            self._turn(quiet - time.monotonic())
        return Outcome(self.arrived, self.answered)

    # -- servers -----------------------------------------------------------------------------------

    def _serve(self, service: Service) -> None:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            listening = self._stack.enter_context(service.where.socket(service.address, kind))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if listening.family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((service.address, service.port))
            if kind == socket.SOCK_STREAM:
                listening.listen(128)
                self._selector.register(listening, selectors.EVENT_READ, lambda s=listening: self._accept(s))
            else:
                self._selector.register(listening, selectors.EVENT_READ, lambda s=listening: self._echo(s))

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, (source, *_) = listening.accept()
            self._stack.enter_context(connection)
            connection.setblocking(False)
            self._selector.register(
                connection, selectors.EVENT_READ, lambda: self._told(connection, str(source))
            )

    def _told(self, connection: socket.socket, source: str) -> None:
        self._selector.unregister(connection)
        with contextlib.suppress(OSError):
            if data := connection.recv(256):
                self.arrived[data.decode()] = source
                connection.send(data)

    def _echo(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data, source = listening.recvfrom(256)
            self.arrived[data.decode()] = str(source[0])
            listening.sendto(data, source)

    # -- clients -----------------------------------------------------------------------------------

    def _begin(self, one: Try) -> socket.socket:
        kind = socket.SOCK_STREAM if one.protocol == "tcp" else socket.SOCK_DGRAM
        client = self._stack.enter_context(one.source.socket(one.address, kind))
        try:
            client.connect((one.address, one.port))
        except BlockingIOError:
            pass
        except OSError:  # no route
            return client
        if one.protocol == "tcp":
            self._selector.register(client, selectors.EVENT_WRITE, lambda: self._connected(client, one))
        else:
            self._selector.register(client, selectors.EVENT_READ, lambda: self._answer(client, one))
            _send(client, one)
        return client

    def _connected(self, client: socket.socket, one: Try) -> None:
        self._selector.unregister(client)
        if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            _send(client, one)
            self._selector.register(client, selectors.EVENT_READ, lambda: self._answer(client, one))

    def _answer(self, client: socket.socket, one: Try) -> None:
        try:
            data = client.recv(256)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data.decode() == one.name:
            self.answered.add(one.name)
        if one.protocol == "tcp" or one.name in self.answered:
            self._selector.unregister(client)

    def _turn(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            key.data()


def _send(client: socket.socket, one: Try) -> None:
    with contextlib.suppress(OSError):
        client.send(one.name.encode())
