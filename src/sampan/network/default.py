"""The default bridge with everything that belongs to it, as the engine opens it at its start."""

from collections.abc import Iterable
from typing import NamedTuple

from sampan.network import bridge
from sampan.network.addresses import Pool
from sampan.network.bridge import DEFAULT_MTU, BridgeState
from sampan.network.firewall import UNAVAILABLE, Firewall
from sampan.network.names import NetworkNames
from sampan.network.ports import Ports


class DefaultNetwork(NamedTuple):
    bridge: BridgeState
    pool: Pool
    ports: Ports
    firewall: Firewall | None  # None: this kernel cannot; ports are relayed
    notices: list[str]  # for the log and for `info`


def open_default(
    names: NetworkNames, pools: Iterable[str] | None = None, mtu: int = DEFAULT_MTU
) -> DefaultNetwork:
    """Make the bridge and the table be there, as they were if they are. Adopt containers into `pool` and
    `ports` next, then `firewall.sync(ports.expected())` drops what nobody owns."""
    notices: list[str] = []
    firewall = _firewall(names.table)

    def guard(state: BridgeState) -> bool:
        nonlocal firewall
        firewall = _guarded(firewall, state)
        return firewall is not None

    planned = bridge.ensure(names, guard, pools, mtu)
    notices += planned.notices
    state = planned.state
    notices += firewall.foreign_drops(state.name) if firewall else [UNAVAILABLE]
    return DefaultNetwork(state, Pool(state.subnet, state.gateway), Ports(firewall), firewall, notices)


def remove_default(names: NetworkNames) -> None:
    """Bridge and table. Already gone is a result."""
    bridge.remove(names)
    firewall = _firewall(names.table)
    if firewall is not None:
        firewall.destroy()
        firewall.close()


def _firewall(table: str) -> Firewall | None:
    try:
        return Firewall(table)
    except OSError:
        return None


def _guarded(firewall: Firewall | None, state: BridgeState) -> Firewall | None:
    """None where the kernel lacks a part (nft_nat, nft_fib, nft_masq are modules of their own)."""
    if firewall is None:
        return None
    try:
        firewall.ensure([state])
    except OSError:
        firewall.close()
        return None
    return firewall
