"""One container's end of a bridge, as a plan: the runtime carries it out in one netlink batch."""

import os
from typing import NamedTuple

from sampan.network.addresses import mac_of
from sampan.network.bridge import BridgeState


class Endpoint(NamedTuple):
    """The fields of `runtime.protocol.Interface`, in its order, and the way out."""

    bridge: str
    host_name: str
    name: str
    mac: str
    addresses: list[str]  # "172.17.0.2/16"
    mtu: int
    gateway: str  # "": none, on an internal network
    gateway6: str = ""


def plan(
    bridge: BridgeState, address: str, mac: str | None = None, name: str = "eth0", address6: str = ""
) -> Endpoint:
    """Addresses without prefix length, from the bridge's pools."""
    found = [f"{address}/{bridge.subnet.partition('/')[2]}"]
    if address6:
        found.append(f"{address6}/{bridge.subnet6.partition('/')[2]}")
    host_name = f"veth{os.urandom(4).hex()[:7]}"
    ways = ("", "") if bridge.internal else (bridge.gateway, bridge.gateway6)
    return Endpoint(bridge.name, host_name, name, mac or mac_of(address), found, bridge.mtu, *ways)
