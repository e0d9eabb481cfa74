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
    gateway: str


def plan(bridge: BridgeState, address: str, mac: str | None = None, name: str = "eth0") -> Endpoint:
    """`address` without prefix length, from the bridge's pool."""
    length = bridge.subnet.partition("/")[2]
    host_name = f"veth{os.urandom(4).hex()[:7]}"
    own = mac or mac_of(address)
    return Endpoint(bridge.name, host_name, name, own, [f"{address}/{length}"], bridge.mtu, bridge.gateway)
