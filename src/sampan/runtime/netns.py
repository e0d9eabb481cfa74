"""A container's interfaces: the pair is made from the host's side, the rest from inside."""

import array
import contextlib
import os
from _socket import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    SCM_RIGHTS,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    inet_pton,
    socket,
)
from collections.abc import Sequence

from sampan.linux import mount, rtnetlink
from sampan.linux.netlink import Message
from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2
from sampan.linux.rtnetlink import LOOPBACK_INDEX
from sampan.runtime.protocol import Interface

_PATIENCE = 5.0  # seconds for the resolver, which may have much to answer


def plumb(interfaces: Sequence[Interface], pid: int | None = None, fd: int | None = None) -> None:
    """On the host: one batch for all, each peer born inside the namespace of `pid`, or behind `fd`. Raises
    OSError."""
    if not interfaces:
        return
    messages = []
    for one in interfaces:
        index = rtnetlink.index_of(one.bridge)
        if one.kind != "veth":
            messages.append(
                rtnetlink.hanging(
                    one.kind,
                    one.host_name,
                    index,
                    one.mode,
                    one.flag,
                    pid=pid,
                    fd=fd,
                    mac=one.mac or None,
                    mtu=one.mtu or None,
                )
            )
            continue
        messages.append(
            rtnetlink.veth(
                one.host_name, index, one.name, peer_pid=pid, peer_fd=fd, mac=one.mac or None, mtu=one.mtu
            )
        )
        messages.append(rtnetlink.port_up(one.host_name, one.mtu, isolated=one.isolated))
    with rtnetlink.Socket() as netlink:
        netlink.talk(messages)
        known = [one for one in interfaces if one.mac and one.kind == "veth"]
        netlink.talk([rtnetlink.forward(one.mac, rtnetlink.index_of(one.host_name)) for one in known])


def configure(interfaces: Sequence[Interface], gateway: str | None, gateway6: str | None = None) -> None:
    """Inside: names, loopback, addresses, the default routes."""
    with rtnetlink.Socket() as netlink:
        indexes = _named(interfaces, netlink)
        _set_sysctls(interfaces)
        messages = [rtnetlink.link_up(LOOPBACK_INDEX)]
        for index, one in zip(indexes, interfaces, strict=True):
            messages += rtnetlink.configure(index, list(one.addresses), None)
        messages += [_default_route(way, six=six) for way, six in ((gateway, False), (gateway6, True)) if way]
        netlink.talk(messages)


def _named(interfaces: Sequence[Interface], netlink: rtnetlink.Socket) -> list[int]:
    """Their indexes. One that hangs on another had a name of its own so far (`rtnetlink.hanging`)."""
    indexes = [rtnetlink.index_of(one.name if one.kind == "veth" else one.host_name) for one in interfaces]
    hanging = [(index, one) for index, one in zip(indexes, interfaces, strict=True) if one.kind != "veth"]
    netlink.talk([rtnetlink.rename(index, one.name) for index, one in hanging])
    return indexes


def _default_route(way: str, *, six: bool) -> Message:
    """Through an address, or straight out of an interface."""
    try:
        inet_pton(AF_INET6 if six else AF_INET, way)
    except OSError:
        return rtnetlink.route("::/0" if six else "0.0.0.0/0", None, rtnetlink.index_of(way))
    return rtnetlink.default_route(way)


def hand_over(path: str, container: str, files: Sequence[int]) -> None:
    """To the resolver at `path`: [udp, tcp, pidfd]. It has them when this returns: whoever hears of the start
    can find the container. Raises OSError when there is none."""
    end = socket(AF_UNIX, SOCK_SEQPACKET)
    try:
        end.settimeout(_PATIENCE)
        end.connect(path)
        end.sendmsg([container.encode()], [(SOL_SOCKET, SCM_RIGHTS, array.array("i", files))])
        end.recv(1)
    finally:
        end.close()


def reroute(gateway: str | None, gateway6: str | None) -> None:
    """Inside: these are the default routes from now on."""
    with rtnetlink.Socket() as netlink:
        for wanted, there in ((gateway, "0.0.0.0/0"), (gateway6, "::/0")):
            with contextlib.suppress(OSError):  # ESRCH: there was none
                netlink.talk([rtnetlink.delete_route(there)])
            if wanted:
                netlink.talk([_default_route(wanted, six=":" in there)])


def remove(names: Sequence[str]) -> None:
    """Inside. Already gone is a result."""
    with rtnetlink.Socket() as netlink:
        for name in names:
            with contextlib.suppress(OSError):
                netlink.talk([rtnetlink.delete_link(name)])


def _set_sysctls(interfaces: Sequence[Interface]) -> None:
    """On a procfs that nobody has mounted anything in: the container's own may be read-only by now, or what
    its image likes."""
    if not interfaces:
        return
    context = mount.fsopen("proc")
    mount.fsconfig_create(context)
    procfs = mount.fsmount(context)
    os.close(context)
    try:
        for one in interfaces:
            for path, value in _of_kind(one):
                with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
                    _write(procfs, path, value)
            for path, text in one.sysctls:
                _write(procfs, f"sys/{path}", text.encode())
    finally:
        os.close(procfs)


def _of_kind(one: Interface) -> list[tuple[str, bytes]]:
    """An interface without an address of IPv6 has none of IPv6 at all: it would listen to neighbours, and
    take a route from whoever announces one (CVE-2024-32473). One that is a machine of its own on somebody's
    network says there who has its address now: it may have been another one's a moment ago."""
    six = f"sys/net/ipv6/conf/{one.name}"
    speaks = any(":" in address for address in one.addresses)
    found = [(f"{six}/accept_ra", b"0")] if speaks else [(f"{six}/disable_ipv6", b"1")]
    if one.kind != "veth":
        found.append((f"sys/net/ipv4/conf/{one.name}/arp_notify", b"1"))
        found += [(f"{six}/ndisc_notify", b"1")] if speaks else []
    return found


def _write(procfs: int, path: str, value: bytes) -> None:
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
    fd = openat2(procfs, path.encode(), os.O_WRONLY, resolve)
    try:
        os.write(fd, value)
    finally:
        os.close(fd)
