"""A container's interfaces: the pair is made from the host's side, the rest from inside."""

from collections.abc import Sequence

from sampan.linux import rtnetlink
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
    messages = [rtnetlink.link_up(LOOPBACK_INDEX)]
    for number, one in enumerate(interfaces):
        index = rtnetlink.index_of(one.name)
        messages += rtnetlink.configure(index, list(one.addresses), gateway if number == 0 else None)
    with rtnetlink.Socket() as socket:
        socket.talk(messages)
