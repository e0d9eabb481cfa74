"""The relay of a container's published ports: one process for all, forked at the first connection. When its
monitor says so, it lets go of the ports, and ends with its last connection.

*Lonely.* TCP: bytes both ways with bounded buffers, half-closes kept. UDP: one socket towards the
container for each client address, forgotten after 90 seconds without a datagram (moby,
cmd/docker-proxy/udp_proxy.go).
"""

import os
import time
from _socket import (
    AF_INET,
    AF_INET6,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    SHUT_WR,
    SO_ERROR,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)
from collections.abc import Sequence
from typing import Any, NoReturn

from sampan.linux import task
from sampan.linux.process import close_range
from sampan.runtime.monitor_loop import GONE, READ, WRITE, Loop
from sampan.runtime.protocol import Listener
from sampan.runtime.streams import Outbox

_SIGKILL = 9
_CHUNK = 64 * 1024
_FULL = 256 * 1024  # bytes that wait in one direction before its source is not read any more
_UDP_IDLE = 90.0  # seconds
_UDP_CLIENTS = 4096  # at once, per port
_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL

Address = tuple[Any, ...]  # as the kernel gave it: (host, port), or more of it for IPv6


def serve(held: Sequence[tuple[int, Listener]], control: socket) -> NoReturn:
    """Relay until killed, or told to stop by the end of `control`. Closes every other descriptor of this
    process first."""
    task.set_parent_death_signal(_SIGKILL)
    task.set_name("sampan-relay")
    _close_others(sorted([control.fileno(), *(fd for fd, _ in held)]))
    loop = Loop()
    live: set[_Connection] = set()
    ports: list[_TcpPort | _UdpPort] = []
    for fd, listener in held:
        if listener.protocol == "tcp":
            ports.append(_TcpPort(loop, fd, listener, live))
        elif listener.protocol == "udp":
            ports.append(_UdpPort(loop, fd, listener))
        os.close(fd)
    loop.watch(control.fileno(), READ, lambda _events: _let_go(loop, ports, control))
    while ports or live:
        loop.run_once()
    os._exit(0)


def _let_go(loop: Loop, ports: "list[_TcpPort | _UdpPort]", control: socket) -> None:
    for port in ports:
        port.close()
    ports.clear()
    loop.forget(control.fileno())
    control.close()


def _close_others(kept: list[int]) -> None:
    start = 3
    for fd in kept:
        if fd > start:
            close_range(start, fd - 1)
        start = fd + 1
    close_range(start)


def _family(address: str) -> int:
    return AF_INET6 if ":" in address else AF_INET


class _TcpPort:
    def __init__(self, loop: Loop, fd: int, listener: Listener, live: "set[_Connection]") -> None:
        self._loop = loop
        self._live = live
        self._socket = socket(fileno=os.dup(fd))
        self._socket.setblocking(False)
        self._target = (listener.target_address, listener.target_port)
        loop.watch(self._socket.fileno(), READ, self._accept)

    def close(self) -> None:
        self._loop.forget(self._socket.fileno())
        self._socket.close()

    def _accept(self, _events: int) -> None:
        try:
            fd, _ = self._socket._accept()  # type: ignore[attr-defined]
        except OSError:  # gone again, or no descriptor left: the next event tries again
            return
        client = socket(fileno=fd)
        client.setblocking(False)
        try:
            upstream = socket(_family(self._target[0]), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
            if upstream.connect_ex(self._target) not in (0, 115):  # EINPROGRESS
                raise ConnectionRefusedError
        except OSError:
            client.close()
            return
        self._live.add(_Connection(self._loop, client, upstream, self._live))


class _Connection:
    """Two sockets; each has an outbox for what the other sent. One of `live` until its end."""

    def __init__(self, loop: Loop, client: socket, upstream: socket, live: "set[_Connection]") -> None:
        self._loop = loop
        self._live = live
        self._ends = (client, upstream)
        self._outboxes = (Outbox(), Outbox())
        self._ended = [False, False]  # that end has sent everything
        self._shut = [False, False]  # that end was told that there is no more
        self._connecting = True
        loop.watch(client.fileno(), READ, lambda events: self._ready(0, events))
        loop.watch(upstream.fileno(), WRITE, lambda events: self._ready(1, events))

    def _ready(self, end: int, events: int) -> None:
        if self._connecting and end == 1:
            if self._ends[1].getsockopt(SOL_SOCKET, SO_ERROR) != 0:
                self._close()
                return
            self._connecting = False
        try:
            if events & WRITE:
                self._flush(end)
            if events & (READ | GONE) and not self._ended[end]:
                self._read(end)
        except BlockingIOError:
            pass
        except OSError:
            self._close()
            return
        self._settle()

    def _read(self, end: int) -> None:
        data = self._ends[end].recv(_CHUNK, MSG_DONTWAIT)
        other = 1 - end
        if not data:
            self._ended[end] = True
        else:
            self._outboxes[other].push(data)
            if not (self._connecting and other == 1):
                self._flush(other)

    def _flush(self, end: int) -> None:
        parts = self._outboxes[end].peek()
        if parts:
            self._outboxes[end].advance(self._ends[end].sendmsg(parts, [], _FLAGS))

    def _settle(self) -> None:
        for end in (0, 1):
            if self._ended[1 - end] and not self._outboxes[end].size and not self._shut[end]:
                if self._connecting:
                    continue
                self._shut[end] = True
                try:
                    self._ends[end].shutdown(SHUT_WR)
                except OSError:
                    self._close()
                    return
        if all(self._shut):
            self._close()
            return
        for end in (0, 1):
            self._rewatch(end)

    def _rewatch(self, end: int) -> None:
        reading = not self._ended[end] and self._outboxes[1 - end].size < _FULL
        writing = self._outboxes[end].size > 0 or (end == 1 and self._connecting)
        events = (READ if reading else 0) | (WRITE if writing else 0)
        fd = self._ends[end].fileno()
        if events:
            self._loop.watch(fd, events, lambda events: self._ready(end, events))
        else:
            self._loop.forget(fd)

    def _close(self) -> None:
        self._live.discard(self)
        for end in self._ends:
            if end.fileno() >= 0:
                self._loop.forget(end.fileno())
                end.close()


class _UdpPort:
    def __init__(self, loop: Loop, fd: int, listener: Listener) -> None:
        self._loop = loop
        self._socket = socket(fileno=os.dup(fd))
        self._target = (listener.target_address, listener.target_port)
        self._clients: dict[Address, tuple[socket, list[float]]] = {}
        loop.watch(self._socket.fileno(), READ, self._from_client)

    def close(self) -> None:
        for upstream, _ in self._clients.values():
            self._loop.forget(upstream.fileno())
            upstream.close()
        self._clients.clear()
        self._loop.forget(self._socket.fileno())
        self._socket.close()

    def _from_client(self, _events: int) -> None:
        try:
            data, address = self._socket.recvfrom(_CHUNK, MSG_DONTWAIT)
            upstream = self._upstream(address)
            upstream.send(data, _FLAGS)
        except OSError:
            return

    def _upstream(self, address: Address) -> socket:
        known = self._clients.get(address)
        if known is None:
            if len(self._clients) >= _UDP_CLIENTS:
                raise OSError("too many clients")
            upstream = socket(_family(self._target[0]), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
            upstream.connect(self._target)
            known = self._clients[address] = (upstream, [0.0])
            self._loop.watch(upstream.fileno(), READ, lambda _events: self._from_container(address))
            self._loop.after(_UDP_IDLE, lambda: self._expire(address))
        known[1][0] = time.monotonic()
        return known[0]

    def _from_container(self, address: Address) -> None:
        upstream, used = self._clients[address]
        try:
            data = upstream.recv(_CHUNK, MSG_DONTWAIT)
            used[0] = time.monotonic()
            self._socket.sendto(data, _FLAGS, address)
        except OSError:  # ECONNREFUSED: nobody listens inside; the client will see that nothing answers
            return

    def _expire(self, address: Address) -> None:
        if address not in self._clients:  # the port was let go
            return
        upstream, used = self._clients[address]
        idle = time.monotonic() - used[0]
        if idle < _UDP_IDLE:
            self._loop.after(_UDP_IDLE - idle, lambda: self._expire(address))
            return
        del self._clients[address]
        self._loop.forget(upstream.fileno())
        upstream.close()
