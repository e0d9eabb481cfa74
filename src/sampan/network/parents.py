"""The interface of the machine that containers of macvlan and ipvlan networks hang on: one that is there, or
one that we make: of a VLAN (`eth0.10`), or, for a network of its own, one that leads nowhere.
"""

import contextlib
import errno
from collections.abc import Iterable
from typing import NamedTuple

from sampan.errors import InvalidArgument, Unsupported
from sampan.linux import rtnetlink
from sampan.linux.netlink import Message
from sampan.linux.rtnetlink import Link

LONELY = "dm-"  # and the beginning of the network's ID, as in Docker


class ParentState(NamedTuple):
    """`kind`: macvlan or ipvlan."""

    name: str
    kind: str
    mode: str
    flag: str = ""
    mtu: int = 0  # 0: that of `name`
    internal: bool = False


def ensure(state: ParentState, mark: str) -> None:
    """The interface is there. `mark` says whose it is, if we make it. Raises InvalidArgument, Unsupported,
    OSError."""
    with rtnetlink.Socket() as netlink:
        _check_kernel(netlink, state.kind)
        links = {link.name: link for link in netlink.links()}
        if state.name in links:
            return
        if state.name.startswith(LONELY):
            _make_lonely(netlink, state.name, mark)
        else:
            _make_vlan(netlink, state.name, links, mark)


def remove(name: str, mark: str) -> None:
    """If we made it. Already gone is a result."""
    with rtnetlink.Socket() as netlink:
        if any(link.name == name and link.mark == mark for link in netlink.links()):
            with contextlib.suppress(OSError):
                netlink.talk([rtnetlink.delete_link(name)])


def vlan_of(name: str, links: Iterable[str]) -> tuple[str, int]:
    """(interface, VLAN) of eth0.10. Raises InvalidArgument in Docker's words."""
    interface, dot, number = name.rpartition(".")
    if not dot or not interface:
        raise InvalidArgument(f"invalid subinterface vlan name {name}, example formatting is eth0.10")
    if not number.isascii() or not number.isdigit():
        raise InvalidArgument(f"unable to parse a valid vlan id from: {number} (ex. eth0.10 for vlan 10)")
    if not 1 <= int(number) <= 4094:
        raise InvalidArgument(f"vlan id must be between 1-4094, received: {number}")
    if interface not in links:
        raise InvalidArgument(f"-o parent interface does was not found on the host: {interface}")
    return interface, int(number)


def _make_vlan(netlink: rtnetlink.Socket, name: str, links: dict[str, Link], mark: str) -> None:
    interface, number = vlan_of(name, links)
    if len(name.encode()) > rtnetlink.NAME_LIMIT:
        raise InvalidArgument(f"invalid subinterface vlan name {name}: it is too long for an interface")
    _make(netlink, rtnetlink.vlan(name, links[interface].ifindex, number), "802.1q")
    netlink.talk([rtnetlink.set_mark(name, mark), rtnetlink.link_up(name)])


def _make_lonely(netlink: rtnetlink.Socket, name: str, mark: str) -> None:
    """A dummy; where the kernel has none, a pair whose other end nobody uses."""
    try:
        netlink.talk([rtnetlink.dummy(name)])
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        other = f"dp-{name.removeprefix(LONELY)}"
        netlink.talk([rtnetlink.veth(name, None, other), rtnetlink.link_up(other)])
    netlink.talk([rtnetlink.set_mark(name, mark), rtnetlink.link_up(name)])


def _make(netlink: rtnetlink.Socket, message: Message, what: str) -> None:
    try:
        netlink.talk([message])
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise Unsupported(f"this kernel has no {what}: operation not supported") from None
        raise


def _check_kernel(netlink: rtnetlink.Socket, kind: str) -> None:
    """Asked for without an interface to hang on, a kernel that knows the kind says EINVAL."""
    try:
        netlink.talk([rtnetlink.hanging(kind, "sampan-probe", None)])
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise Unsupported(f"this kernel has no {kind}: operation not supported") from None
