"""The bridges with everything that belongs to them: the default one, which the engine opens at its start,
and those that users ask for."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sampan.network import addresses, bridge
from sampan.network.addresses import Pool
from sampan.network.alone import alone
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
    names: NetworkNames,
    pools: Iterable[str] | None = None,
    mtu: int = DEFAULT_MTU,
    others: Sequence[BridgeState] = (),
    parents: Collection[str] = (),
) -> DefaultNetwork:
    """Make the bridge and the table be there, as they were if they are. Adopt containers into `pool` and
    `ports` next, then `firewall.sync(ports.expected())` drops what nobody owns.

    `others`: bridges that users have asked for. They are guarded from the first moment on, `reopen` brings
    them back. `parents`: what macvlan and ipvlan networks of users hang on. Nothing else stays of ours.
    """
    notices: list[str] = []
    firewall = _firewall(names.table)

    def guard(state: BridgeState) -> bool:
        nonlocal firewall
        firewall = _guarded(firewall, [state, *others])
        return firewall is not None

    free = addresses.default_pools() if pools is None else pools
    kept = [one.subnet for one in others if one.subnet]
    chosen = (pool for pool in free if not any(addresses.overlap(pool, one) for one in kept))
    with alone():
        planned = bridge.ensure(names, guard, chosen, mtu)
    for stray in set(bridge.marked(names)) - {one.name for one in others} - set(parents):
        bridge.remove(stray)
    notices += planned.notices
    state = planned.state
    notices += firewall.foreign_drops(state.name) if firewall else [UNAVAILABLE]
    return DefaultNetwork(state, Pool(state.subnet, state.gateway), Ports(firewall), firewall, notices)


def restore(
    opened: DefaultNetwork, names: NetworkNames, state: BridgeState, others: Sequence[BridgeState]
) -> None:
    """Make a bridge that a user asked for be there. `others`: all further ones of users."""

    def guard(_: BridgeState) -> bool:
        if opened.firewall is not None:
            opened.firewall.ensure([opened.bridge, *others, state])
        return opened.firewall is not None

    bridge.restore(state, names, guard)


def reopen(opened: DefaultNetwork, names: NetworkNames, state: BridgeState) -> None:
    """`restore` for one of the `others` of `open_default`, whose rules are there already."""
    bridge.restore(state, names, lambda _: opened.firewall is not None)


def remove(opened: DefaultNetwork, state: BridgeState, others: Sequence[BridgeState]) -> None:
    """Already gone is a result."""
    bridge.remove(state.name)
    if opened.firewall is not None:
        opened.firewall.ensure([opened.bridge, *others])


def remove_default(names: NetworkNames) -> None:
    """Bridges and table. Already gone is a result."""
    for name in (*bridge.marked(names), names.bridge):
        bridge.remove(name)
    firewall = _firewall(names.table)
    if firewall is not None:
        firewall.destroy()
        firewall.close()


def _firewall(table: str) -> Firewall | None:
    try:
        return Firewall(table)
    except OSError:
        return None


def _guarded(firewall: Firewall | None, states: Sequence[BridgeState]) -> Firewall | None:
    """None where the kernel lacks a part (nft_nat, nft_fib, nft_masq are modules of their own)."""
    if firewall is None:
        return None
    try:
        firewall.ensure(states)
    except OSError:
        firewall.close()
        return None
    return firewall
