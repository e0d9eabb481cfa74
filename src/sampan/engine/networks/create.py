"""`docker network create`: everything is looked at, then the row, then the bridge. A daemon that dies in
between finds the row, and makes the bridge at its next start."""

import asyncio
import contextlib

from sampan.engine import names, timestamps
from sampan.engine.engine import Engine
from sampan.engine.networks import defaults, options
from sampan.engine.networks import request as requests
from sampan.engine.networks.options import HANGING
from sampan.engine.networks.request import NetworkCreate
from sampan.engine.networks.store import Network, Subnet
from sampan.errors import Conflict, Forbidden, Internal
from sampan.network import addresses
from sampan.network.addresses import Pool
from sampan.network.alone import alone
from sampan.network.parents import LONELY


async def create(engine: Engine, wanted: NetworkCreate) -> Network:
    requests.check(wanted)
    if engine.networks.named(wanted.name) is not None:
        raise Conflict(f"network with name {wanted.name} already exists")
    network = _decide(engine, wanted)
    engine.networks.reserve(network)
    try:
        if network.config_only:
            await engine.networks.save(network)
        else:
            with contextlib.ExitStack() as held:  # until the machine shows what was chosen
                await asyncio.to_thread(held.enter_context, alone())
                await engine.network.choose(network, [one for one in engine.networks if one is not network])
                _check_kept(network)
                await engine.networks.save(network)
                await engine.network.add(network)
    except BaseException:
        await engine.networks.delete(network)
        raise
    attributes = {"name": network.name, "type": network.driver}
    engine.bus.publish("network", "create", network.id, attributes)
    return network


def _decide(engine: Engine, wanted: NetworkCreate) -> Network:
    network = Network(
        id=names.new_id(),
        name=wanted.name,
        created=timestamps.now(),
        driver="null" if wanted.config_only else wanted.driver or "bridge",
        internal=wanted.internal,
        attachable=wanted.attachable,
        ipv6=bool(wanted.enable_ipv6),
        subnets=requests.subnets(wanted),
        ipam_options=(wanted.ipam.options if wanted.ipam else None) or None,
        options=wanted.options or {},
        labels=wanted.labels or {},
        ipv4=wanted.enable_ipv4 is not False,
        config_only=wanted.config_only,
    )
    if wanted.config_from and wanted.config_from.network:
        _copy(engine, network, wanted.config_from.network)
    if network.config_only:
        return network
    network.options = {**defaults.options(engine.settings, network.driver), **network.options}
    for one in network.subnets:
        _check_free(engine, one)
    network.interface = _interface(engine, network)
    return network


def _check_kept(network: Network) -> None:
    """The gateway, and what no container gets: addresses that one of the network can have, each of them once.
    Raises Internal."""
    for one in network.subnets:
        pool = Pool(one.subnet, "")
        kept = [("gateway", one.gateway, one.gateway)] if one.gateway else []
        for name, address in (one.auxiliary or {}).items():
            kept.append(("secondary ip address", f"{name}:{address}", address))
        for what, told, address in kept:
            try:
                pool.allocate(told, address)
            except Conflict as error:
                raise Internal(f"failed to allocate {what} ({told}): {error}") from None


def _copy(engine: Engine, network: Network, name: str) -> None:
    """What a configuration network says. Raises Forbidden."""
    found = engine.networks.named(name)
    if found is None or not found.config_only:
        raise Forbidden(f'configuration network "{name}" does not exist')
    network.config_from = found.name
    network.ipv6, network.options, network.labels = found.ipv6, dict(found.options), dict(found.labels)
    network.subnets = [Subnet(one.subnet, one.gateway, one.span, one.auxiliary) for one in found.subnets]


def _interface(engine: Engine, network: Network) -> str:
    """The bridge, or what its containers hang on. Raises InvalidArgument, Forbidden."""
    if network.driver not in HANGING:
        wanted = options.bridge_options(network.options)
        options.check_isolated(wanted, internal=network.internal)
        return wanted.name or f"br-{network.id[:12]}"
    hanging = options.hanging_options(network.driver, network.options, internal=network.internal)
    if not hanging.parent:
        return f"{LONELY}{network.id[:12]}"
    for identity, other in engine.network.hanging(hanging.parent):
        if network.driver == other.kind == "ipvlan":
            raise Forbidden(f"network {identity} is already using parent interface {hanging.parent}")
        if hanging.mode == "passthru":
            raise Forbidden(
                f"cannot use mode passthru, macvlan network {identity} is already using parent interface"
                f" {hanging.parent}"
            )
        if other.mode == "passthru":
            raise Forbidden(
                f"macvlan network {identity} is already using parent interface {hanging.parent}"
                " in mode passthru"
            )
    return hanging.parent


def _check_free(engine: Engine, wanted: Subnet) -> None:
    for other in engine.networks:
        if other.config_only:
            continue
        if any(addresses.overlap(wanted.subnet, one.subnet) for one in other.subnets):
            raise Forbidden("invalid pool request: Pool overlaps with other one on this address space")
