"""A machine made of network namespaces, so that the real one is never touched.

```
 lan ── 198.51.100.2          198.51.100.1 ── host ── sampan0 172.17.0.1 ── containers
```

A socket stays in the namespace in which it was made: one process plays all the parts by changing its
namespace for as long as it takes to make one. `lan` has no 127.0.0.1 of its own and sends 127.0.0.0/8
and 172.16.0.0/12 to `host`: a neighbour that attacks.
"""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.waiting import FACTOR
from sampan.linux import rtnetlink
from sampan.network import default, endpoint
from sampan.network.default import DefaultNetwork
from sampan.network.names import NetworkNames

CLONE_NEWNET = 0x40000000
NAMES = NetworkNames("sampan0", "sampan")
HOST, LAN = "198.51.100.1", "198.51.100.2"
PATIENCE = 5.0  # for what must arrive
DOUBT = 0.3 * FACTOR  # for what must not

libc = ctypes.CDLL(None, use_errno=True)


def call(function: str, *arguments: int) -> None:
    if getattr(libc, function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), function)


class Namespace:
    def __init__(self, descriptor: int, address: str = "") -> None:
        self.descriptor = descriptor
        self.address = address

    @contextmanager
    def inside(self) -> Iterator[None]:
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            call("setns", self.descriptor, CLONE_NEWNET)
            try:
                yield
            finally:
                call("setns", back, CLONE_NEWNET)
        finally:
            os.close(back)

    def open(self, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET) -> socket.socket:
        with self.inside():
            made = socket.socket(family, kind)
        made.settimeout(PATIENCE)
        return made

    def listen(self, port: int, address: str = "0.0.0.0") -> socket.socket:
        server = self.open()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        return server


@contextmanager
def namespace() -> Iterator[Namespace]:
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    call("unshare", CLONE_NEWNET)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    call("setns", back, CLONE_NEWNET)
    os.close(back)
    try:
        yield Namespace(own)
    finally:
        os.close(own)


def sysctl(path: str, value: str) -> None:
    Path("/proc/sys/net", path).write_text(value)


def tcp(
    client: Namespace,
    server: Namespace,
    address: str,
    port: int,
    server_port: int,
    *,
    seconds: float = PATIENCE,
) -> str | None:
    """The client's address as the server in `server` sees it; None when nothing arrives in time."""
    with server.listen(server_port) as listening, client.open() as connecting:
        connecting.settimeout(seconds)
        try:
            connecting.connect((address, port))
        except (TimeoutError, OSError):
            return None
        accepted, (seen, _) = listening.accept()
        with accepted:
            accepted.settimeout(PATIENCE)
            connecting.settimeout(PATIENCE)
            connecting.sendall(b"there")
            assert accepted.recv(5) == b"there"
            accepted.sendall(b"and back")
            assert connecting.recv(8) == b"and back"
        return seen


def udp(
    client: Namespace,
    server: Namespace,
    address: str,
    port: int,
    server_port: int,
    *,
    seconds: float = PATIENCE,
) -> str | None:
    with server.open(socket.SOCK_DGRAM) as serving, client.open(socket.SOCK_DGRAM) as sending:
        serving.bind(("0.0.0.0", server_port))
        return exchange(sending, serving, (address, port), seconds=seconds)


def exchange(
    sending: socket.socket, serving: socket.socket, to: tuple[str, int], *, seconds: float = PATIENCE
) -> str | None:
    """One datagram there and back over sockets that exist; the sender's address as `serving` sees it."""
    sending.connect(to)
    sending.send(b"there")
    serving.settimeout(seconds)
    try:
        data, source = serving.recvfrom(64)
    except TimeoutError:
        return None
    assert data == b"there"
    serving.sendto(b"and back", source)
    assert sending.recv(64) == b"and back"
    return str(source[0])


class Machine:
    """Everything above, and the ways to try who reaches whom. The test itself is in `host`."""

    names = NAMES
    tcp = staticmethod(tcp)
    udp = staticmethod(udp)
    exchange = staticmethod(exchange)
    doubt = DOUBT

    def __init__(self, host: Namespace, lan: Namespace, stack: ExitStack) -> None:
        self.host, self.lan = host, lan
        self._stack = stack
        self.network: DefaultNetwork = default.open_default(NAMES)

    def container(self, owner: str) -> Namespace:
        made = self._stack.enter_context(namespace())
        made.address = self.network.pool.allocate(owner)
        plan = endpoint.plan(self.network.bridge, made.address)
        with rtnetlink.Socket() as netlink:
            index = rtnetlink.index_of(plan.bridge)
            pair = rtnetlink.veth(
                plan.host_name, index, plan.name, peer_fd=made.descriptor, mac=plan.mac, mtu=plan.mtu
            )
            netlink.talk([pair, rtnetlink.port_up(plan.host_name, plan.mtu)])
            netlink.talk([rtnetlink.forward(plan.mac, rtnetlink.index_of(plan.host_name))])
        with made.inside(), rtnetlink.Socket() as netlink:
            inner = rtnetlink.index_of(plan.name)
            netlink.talk(rtnetlink.configure(inner, plan.addresses, plan.gateway))
        return made


@pytest.fixture
def host() -> Iterator[Namespace]:
    """The test runs in a new network namespace with nothing but `lo`."""
    with namespace() as own, own.inside():
        with rtnetlink.Socket() as netlink:
            netlink.talk([rtnetlink.link_up("lo")])
        yield own


@pytest.fixture
def machine(host: Namespace) -> Iterator[Machine]:
    with ExitStack() as stack:
        lan = stack.enter_context(namespace())
        lan.address = LAN
        _wire(lan)
        made = Machine(host, lan, stack)
        yield made
        default.remove_default(NAMES)
        with rtnetlink.Socket() as netlink:
            assert [link.name for link in netlink.links() if link.kind == "bridge"] == []


def _wire(lan: Namespace) -> None:
    with rtnetlink.Socket() as netlink:
        netlink.talk([rtnetlink.veth("eth0", None, "eth0", peer_fd=lan.descriptor)])
        index = rtnetlink.index_of("eth0")
        netlink.talk([rtnetlink.address(index, f"{HOST}/24"), rtnetlink.link_up(index)])
    # As unsafe as a machine gets, so that only our rules stand in the way.
    for scope in ("all", "eth0"):
        sysctl(f"ipv4/conf/{scope}/route_localnet", "1")
        sysctl(f"ipv4/conf/{scope}/rp_filter", "0")
    with lan.inside(), rtnetlink.Socket() as netlink:
        index = rtnetlink.index_of("eth0")
        netlink.talk([rtnetlink.address(index, f"{LAN}/24"), rtnetlink.link_up(index)])
        sysctl("ipv4/conf/eth0/route_localnet", "1")
        netlink.talk([rtnetlink.route("127.0.0.0/8", HOST), rtnetlink.route("172.16.0.0/12", HOST)])
