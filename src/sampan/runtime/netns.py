"""A container's interfaces: the pair is made from the host's side, the rest from inside."""

import os
from collections.abc import Sequence

from sampan.linux import mount, rtnetlink
from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2
from sampan.linux.rtnetlink import LOOPBACK_INDEX
from sampan.runtime.protocol import Interface


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
    with rtnetlink.Socket() as socket:
        socket.talk(messages)
        known = [one for one in interfaces if one.mac]
        socket.talk([rtnetlink.forward(one.mac, rtnetlink.index_of(one.host_name)) for one in known])


def configure(interfaces: Sequence[Interface], gateway: str | None, gateway6: str | None = None) -> None:
    """Inside: loopback, addresses, the default route (through the first interface)."""
    _no_advertisements(interfaces)
    messages = [rtnetlink.link_up(LOOPBACK_INDEX)]
    for number, one in enumerate(interfaces):
        index = rtnetlink.index_of(one.name)
        messages += rtnetlink.configure(index, list(one.addresses), gateway if number == 0 else None)
    if gateway6:
        messages.append(rtnetlink.default_route(gateway6))
    with rtnetlink.Socket() as socket:
        socket.talk(messages)


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
