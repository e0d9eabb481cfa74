"""One container's end of a network, as a plan: the runtime carries it out in one netlink batch."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from sampan.network.addresses import mac_of
from sampan.network.bridge import BridgeState
from sampan.network.parents import ParentState


class Endpoint(NamedTuple):
    """The fields of `runtime.protocol.Interface`, in its order, and the way out."""

    bridge: str
    host_name: str
    name: str
    mac: str
    addresses: list[str]  # "172.17.0.2/16"
    mtu: int
    isolated: bool
    kind: str
    mode: str
    flag: str
    gateway: str  # "": none, on an internal network
    gateway6: str = ""


def plan(
    bridge: BridgeState,
    address: str,
    mac: str | None = None,
    name: str = "eth0",
    address6: str = "",
    *,
    more: Sequence[str] = (),
) -> Endpoint:
    """Addresses without prefix length, from the bridge's pools; `more` with theirs."""
    found = [
        f"{one}/{subnet.partition('/')[2]}"
        for one, subnet in ((address, bridge.subnet), (address6, bridge.subnet6))
        if one
    ]
    host_name = f"veth{os.urandom(4).hex()[:7]}"
    ways = ("", "") if bridge.internal else (bridge.gateway, bridge.gateway6)
    chosen = mac or mac_of(address or address6)
    about = (bridge.mtu, not bridge.icc, "veth", "", "")
    return Endpoint(bridge.name, host_name, name, chosen, [*found, *more], *about, *ways)


def hang(
    parent: ParentState,
    addresses: Sequence[str],
    mac: str,
    name: str,
    ways: tuple[str, str],
) -> Endpoint:
    """`addresses` with prefix length; `ways`: the gateways that somebody asked for. A hardware address of its
    own each time: the interface that had an address before may not be gone yet, and one parent has each but
    once (EADDRINUSE). Those of ipvlan all have their parent's."""
    if parent.kind == "ipvlan":
        mac = ""
        if parent.mode != "l2":
            ways = (name, name if any(":" in one for one in addresses) else "")
    elif not mac:
        mac = f"02:42:{os.urandom(4).hex(':')}"
    if parent.internal:
        ways = ("", "")
    about = (parent.mtu, False, parent.kind, parent.mode, parent.flag)
    host_name = f"{parent.kind[:2]}{os.urandom(5).hex()}"
    return Endpoint(parent.name, host_name, name, mac, list(addresses), *about, *ways)
