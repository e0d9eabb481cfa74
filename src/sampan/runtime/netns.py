"""A container's interfaces: the pair is made from the host's side, the rest from inside."""

import os
from collections.abc import Sequence

from sampan.linux import mount, rtnetlink
from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2
from sampan.linux.rtnetlink import LOOPBACK_INDEX
from sampan.runtime.protocol import Interface


def plumb(interfaces: Sequence[Interface], pid: int) -> None:
    """On the host: one batch for all, each peer born inside the namespace of `pid`. Raises OSError."""
    if not interfaces:
        return
    messages = []
    for one in interfaces:
        index = rtnetlink.index_of(one.bridge)
        messages.append(
            rtnetlink.veth(one.host_name, index, one.name, peer_pid=pid, mac=one.mac or None, mtu=one.mtu)
        )
        messages.append(rtnetlink.port_up(one.host_name, one.mtu))
    with rtnetlink.Socket() as socket:
        socket.talk(messages)
        known = [one for one in interfaces if one.mac]
        socket.talk([rtnetlink.forward(one.mac, rtnetlink.index_of(one.host_name)) for one in known])


def configure(interfaces: Sequence[Interface], gateway: str | None) -> None:
    """Inside: loopback, addresses, the default route (through the first interface)."""
    _without_ipv6([one.name for one in interfaces if not any(":" in address for address in one.addresses)])
    messages = [rtnetlink.link_up(LOOPBACK_INDEX)]
    for number, one in enumerate(interfaces):
        index = rtnetlink.index_of(one.name)
        messages += rtnetlink.configure(index, list(one.addresses), gateway if number == 0 else None)
    with rtnetlink.Socket() as socket:
        socket.talk(messages)


def _without_ipv6(names: Sequence[str]) -> None:
    """An interface without an address of IPv6 has none of IPv6 at all: it would listen to neighbours, and
    take a route from whoever announces one (CVE-2024-32473). On a procfs that nobody has mounted anything in:
    the container's own may be read-only by now, or what its image likes."""
    if not names:
        return
    context = mount.fsopen("proc")
    mount.fsconfig_create(context)
    procfs = mount.fsmount(context)
    os.close(context)
    try:
        for name in names:
            _write(procfs, f"sys/net/ipv6/conf/{name}/disable_ipv6", b"1")
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
