"""The bridge that containers hang on: look at the machine, decide, apply. Idempotent.

```
 observe(names) ──► plan(observed, names, pools) ──► apply(steps, guard)
 links, addresses,   BridgeState, and the steps       the firewall's rules go in
 routes, resolvers   that are missing                 before the bridge comes up
```
"""

import contextlib
import errno
import ipaddress
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from sampan.errors import Conflict
from sampan.linux import rtnetlink
from sampan.linux.rtnetlink import Address, Link, Route
from sampan.network import addresses, files
from sampan.network.addresses import mac_of
from sampan.network.names import NetworkNames

DEFAULT_MTU = 1500
FORWARDING = "net/ipv4/ip_forward"
FORWARDING6 = "net/ipv6/conf/all/forwarding"

# How the outside comes to a container, as Docker 28 has it: by ports of the machine only; by those, and by
# the container's address, too; by the container's address at its published ports; not, nor does the machine.
NAT, NAT_UNPROTECTED, ROUTED, ISOLATED = "nat", "nat-unprotected", "routed", "isolated"
GATEWAY_MODES = (NAT, NAT_UNPROTECTED, ROUTED, ISOLATED)


class BridgeState(NamedTuple):
    """A bridge that is there, or will be when the plan was carried out."""

    name: str
    subnet: str  # "172.17.0.0/16"; "": the network has no IPv4
    gateway: str  # "172.17.0.1", the bridge's own address; "": it has none
    mtu: int = DEFAULT_MTU
    subnet6: str = ""  # with its gateway: the network has IPv6, too
    gateway6: str = ""
    internal: bool = False  # no way out, and none in
    icc: bool = True  # containers on it reach each other
    masquerade: bool = True
    mode: str = NAT  # of its gateway, for IPv4
    mode6: str = NAT
    trusted: tuple[
        str, ...
    ] = ()  # interfaces from where published ports are reached by a container's address


class Observed(NamedTuple):
    """What there is on the machine."""

    bridge: Link | None
    addresses: list[str]  # of the bridge, "172.17.0.1/16"
    taken: list[str]  # networks and addresses of everything else
    forwarding: bool
    sysctls: dict[str, str]  # of the bridge: path below /proc/sys → value


class Create(NamedTuple):
    """`mark`: says whose it is (IFLA_IFALIAS)."""

    name: str
    mac: str
    mtu: int
    mark: str = ""


class SetSysctl(NamedTuple):
    path: str  # below /proc/sys
    value: str
    needed: bool = True  # False: without it things work, or the kernel does not have it


class Guard(NamedTuple):
    """Rules go in before anything can reach a container."""

    state: BridgeState


class AddAddress(NamedTuple):
    name: str
    address: str


class Up(NamedTuple):
    name: str


Step = Create | SetSysctl | Guard | AddAddress | Up


class Plan(NamedTuple):
    state: BridgeState
    steps: list[Step]
    notices: list[str]  # what the user should know of


def ensure(
    names: NetworkNames,
    guard: Callable[[BridgeState], bool],
    pools: Iterable[str] | None = None,
    mtu: int = DEFAULT_MTU,
) -> Plan:
    """Make the bridge be there, up, and guarded; tell what was done.

    `guard` puts the firewall's rules in and returns whether the kernel translates addresses now; where
    it does not, 127.0.0.0/8 is not opened towards the bridge.
    """
    planned = plan(observe(names), names, addresses.default_pools() if pools is None else pools, mtu)
    apply(planned.steps, guard)
    return planned


def restore(state: BridgeState, owner: NetworkNames, guard: Callable[[BridgeState], bool]) -> Plan:
    """`ensure` for a bridge whose addresses are known: one that a user asked for. `owner`: whose it is."""
    planned = plan_known(observe(owner._replace(bridge=state.name)), state, owner.bridge)
    apply(planned.steps, guard)
    return planned


def observe(names: NetworkNames) -> Observed:
    with rtnetlink.Socket() as netlink:
        links = {link.name: link for link in netlink.links()}
        own = links.get(names.bridge)
        index = own.ifindex if own else -1
        configured = netlink.addresses()
        routes = netlink.routes()
    sysctls = {path: value for path in _sysctls(names.bridge) if (value := _read(path)) is not None}
    return Observed(
        own,
        [one.address for one in configured if one.ifindex == index],
        taken([one for one in configured if ":" not in one.address], routes, files.host_nameservers(), index),
        _read(FORWARDING) == "1",
        sysctls,
    )


def taken(
    configured: Iterable[Address], routes: Iterable[Route], resolvers: Iterable[str], own: int
) -> list[str]:
    """The IPv4 networks that a bridge must keep away from; `own`: the bridge's index.

    Default routes, and the halves of one that VPNs set (0.0.0.0/1, 128.0.0.0/1), overlap everything and
    mean nothing.
    """
    networks = [one.address for one in configured if one.ifindex != own]
    networks += [
        one.destination for one in routes if one.ifindex != own and int(one.destination.partition("/")[2]) > 1
    ]
    return networks + [f"{one}/32" for one in resolvers if _is_ipv4(one)]


def plan(observed: Observed, names: NetworkNames, pools: Iterable[str], mtu: int = DEFAULT_MTU) -> Plan:
    """Raises Conflict when something else has the bridge's name, Unavailable when no pool is free."""
    _check(observed, names.bridge)
    return plan_known(observed, _state(observed, names, pools, mtu))


def plan_known(observed: Observed, state: BridgeState, mark: str = "") -> Plan:
    """Raises Conflict when something else has the bridge's name."""
    _check(observed, state.name)
    steps: list[Step] = []
    if observed.bridge is None:
        # A fixed hardware address: without, a bridge takes the lowest of its ports', which changes.
        mac = mac_of(state.gateway or state.gateway6 or state.subnet or state.subnet6)
        steps.append(Create(state.name, mac, state.mtu, mark))
    wanted = _sysctls(state.name, ipv6=bool(state.gateway6))
    steps += [step for path, step in wanted.items() if observed.sysctls.get(path) != step.value]
    steps.append(Guard(state))
    steps += [AddAddress(state.name, one) for one in _missing(observed, state)]
    if observed.bridge is None or not observed.bridge.up:
        steps.append(Up(state.name))
    notices = []
    if not observed.forwarding:
        steps.append(SetSysctl(FORWARDING, "1"))
        notices.append("net.ipv4.ip_forward was 0 and is 1 now: this machine forwards between its networks")
    if state.subnet6 and _read(FORWARDING6) == "0":
        steps.append(SetSysctl(FORWARDING6, "1"))
        notices.append("net.ipv6.conf.all.forwarding was 0 and is 1 now")
    return Plan(state, steps, notices)


def _check(observed: Observed, name: str) -> None:
    if observed.bridge is not None and observed.bridge.kind != "bridge":
        raise Conflict(f"existing interface {name} is not a bridge")


def _missing(observed: Observed, state: BridgeState) -> list[str]:
    """One address of a family is enough: containers may be running on it."""
    wanted = [
        f"{gateway}/{subnet.partition('/')[2]}"
        for gateway, subnet in ((state.gateway, state.subnet), (state.gateway6, state.subnet6))
        if gateway
    ]
    there = [one for one in observed.addresses if not one.startswith("fe80:")]
    return [one for one in wanted if not any((":" in one) == (":" in other) for other in there)]


def apply(steps: Iterable[Step], guard: Callable[[BridgeState], bool]) -> None:
    with rtnetlink.Socket() as netlink:
        for step in steps:
            _apply(step, netlink, guard)


def remove(name: str) -> None:
    """Already gone is a result."""
    with rtnetlink.Socket() as netlink:
        try:
            netlink.talk([rtnetlink.delete_link(name)])
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise


def marked(owner: NetworkNames) -> list[str]:
    """The bridges that users of this daemon asked for, and what it made for their other networks."""
    with rtnetlink.Socket() as netlink:
        return [link.name for link in netlink.links() if link.mark == owner.bridge]


def _state(observed: Observed, names: NetworkNames, pools: Iterable[str], mtu: int) -> BridgeState:
    """A bridge that has an address keeps it: containers may be running on it."""
    if own := [one for one in observed.addresses if ":" not in one]:
        interface = ipaddress.IPv4Interface(own[0])
        own_mtu = observed.bridge.mtu if observed.bridge else mtu
        return BridgeState(names.bridge, str(interface.network), str(interface.ip), own_mtu)
    subnet = addresses.free_subnet(pools, observed.taken)
    return BridgeState(names.bridge, subnet, addresses.gateway_of(subnet), mtu)


def _apply(step: Step, netlink: rtnetlink.Socket, guard: Callable[[BridgeState], bool]) -> None:
    match step:
        case Create(name, mac, mtu, mark):
            marks = [rtnetlink.set_mark(name, mark)] if mark else []
            netlink.talk([rtnetlink.bridge(name, mac, mtu), *marks])
        case SetSysctl(path, value, needed):
            with contextlib.nullcontext() if needed else contextlib.suppress(OSError):
                Path("/proc/sys", path).write_text(value)
        case Guard(state):
            # 127.0.0.1 → container needs route_localnet (ip_route_output_key), and route_localnet
            # without the rules would let a container reach what listens on 127.0.0.1 only.
            localnet = "1" if guard(state) else "0"
            Path(f"/proc/sys/net/ipv4/conf/{state.name}/route_localnet").write_text(localnet)
        case AddAddress(name, address):
            netlink.talk([rtnetlink.address(rtnetlink.index_of(name), address)])
        case Up(name):
            netlink.talk([rtnetlink.link_up(name)])


def _sysctls(bridge: str, *, ipv6: bool = False) -> dict[str, SetSysctl]:
    """An IPv4-only network has no address of IPv6. None takes a route from a router advertisement that a
    container sends (CVE-2020-13401)."""
    wanted = (
        SetSysctl(f"net/ipv6/conf/{bridge}/disable_ipv6", "0" if ipv6 else "1", needed=ipv6),
        SetSysctl(f"net/ipv6/conf/{bridge}/accept_ra", "0", needed=False),
    )
    return {step.path: step for step in wanted}


def _is_ipv4(value: str) -> bool:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return False
    return True


def _read(path: str) -> str | None:
    try:
        return Path("/proc/sys", path).read_text().strip()
    except OSError:
        return None
