"""A container's interfaces: the pair is made from the host's side, the rest from inside."""

import array
import contextlib
import os
from _socket import (
    AF_INET,
    AF_UNIX,
    SCM_RIGHTS,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)
from collections.abc import Sequence

from sampan.linux import mount, rtnetlink
from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2
from sampan.linux.rtnetlink import LOOPBACK_INDEX
from sampan.runtime.protocol import Interface

RESOLVER = "127.0.0.11"  # as in Docker


def plumb(interfaces: Sequence[Interface], pid: int | None = None, fd: int | None = None) -> None:
    """On the host: one batch for all, each peer born inside the namespace of `pid`, or behind `fd`. Raises
    OSError."""
    if not interfaces:
        return
    messages = []
    for one in interfaces:
        index = rtnetlink.index_of(one.bridge)
        messages.append(
            rtnetlink.veth(
                one.host_name, index, one.name, peer_pid=pid, peer_fd=fd, mac=one.mac or None, mtu=one.mtu
            )
        )
        messages.append(rtnetlink.port_up(one.host_name, one.mtu, isolated=one.isolated))
    with rtnetlink.Socket() as netlink:
        netlink.talk(messages)
        known = [one for one in interfaces if one.mac]
        netlink.talk([rtnetlink.forward(one.mac, rtnetlink.index_of(one.host_name)) for one in known])


def configure(interfaces: Sequence[Interface], gateway: str | None, gateway6: str | None = None) -> None:
    """Inside: loopback, addresses, the default route (through the first interface)."""
    _no_advertisements(interfaces)
    messages = [rtnetlink.link_up(LOOPBACK_INDEX)]
    for number, one in enumerate(interfaces):
        index = rtnetlink.index_of(one.name)
        messages += rtnetlink.configure(index, list(one.addresses), gateway if number == 0 else None)
    if gateway6:
        messages.append(rtnetlink.default_route(gateway6))
    with rtnetlink.Socket() as netlink:
        netlink.talk(messages)


def open_resolver() -> tuple[int, int]:
    """Inside, with `lo` up: the sockets of 127.0.0.11, udp and tcp, which are borrowed by nobody yet."""
    udp = socket(AF_INET, SOCK_DGRAM)
    tcp = socket(AF_INET, SOCK_STREAM)
    try:
        for one in (udp, tcp):
            one.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            one.bind((RESOLVER, 53))
        tcp.listen(128)
        return udp.detach(), tcp.detach()
    finally:
        udp.close()
        tcp.close()


def hand_over(path: str, container: str, files: Sequence[int]) -> None:
    """To the resolver at `path`: [udp, tcp, pidfd]. Raises OSError when there is none."""
    end = socket(AF_UNIX, SOCK_SEQPACKET)
    try:
        end.connect(path)
        end.sendmsg([container.encode()], [(SOL_SOCKET, SCM_RIGHTS, array.array("i", files))])
    finally:
        end.close()


def reroute(gateway: str | None, gateway6: str | None) -> None:
    """Inside: these are the default routes from now on."""
    with rtnetlink.Socket() as netlink:
        for wanted, there in ((gateway, "0.0.0.0/0"), (gateway6, "::/0")):
            with contextlib.suppress(OSError):  # ESRCH: there was none
                netlink.talk([rtnetlink.delete_route(there)])
            if wanted:
                netlink.talk([rtnetlink.default_route(wanted)])


def _no_advertisements(interfaces: Sequence[Interface]) -> None:
    """An interface without an address of IPv6 has none of IPv6 at all: it would listen to neighbours, and
    take a route from whoever announces one (CVE-2024-32473). On a procfs that nobody has mounted anything in:
    the container's own may be read-only by now, or what its image likes."""
    if not interfaces:
        return
    context = mount.fsopen("proc")
    mount.fsconfig_create(context)
    procfs = mount.fsmount(context)
    os.close(context)
    try:
        for one in interfaces:
            speaks = any(":" in address for address in one.addresses)
            switch, value = ("accept_ra", b"0") if speaks else ("disable_ipv6", b"1")
            _write(procfs, f"sys/net/ipv6/conf/{one.name}/{switch}", value)
    except FileNotFoundError:
        pass  # a kernel without IPv6
    finally:
        os.close(procfs)


def _write(procfs: int, path: str, value: bytes) -> None:
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
    fd = openat2(procfs, path.encode(), os.O_WRONLY, resolve)
    try:
        os.write(fd, value)
    finally:
        os.close(fd)
