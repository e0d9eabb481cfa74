"""What `update --publish-add` and `--publish-rm` make of a container's published ports. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from sampan.engine.containers import publishing
from sampan.engine.containers.config import Config, HostConfig, PortBinding, Ports
from sampan.engine.containers.record import BoundPort
from sampan.engine.network import bound
from sampan.errors import Conflict
from sampan.network import ports


class Decision(NamedTuple):
    """`host`: with what is wanted from now on; of what is bound on the host, `gone`, and what is `added`."""

    host: HostConfig
    gone: list[BoundPort]
    added: list[ports.PortBinding]


def decide(
    name: str, config: Config, host: HostConfig, bound: Sequence[BoundPort], *, add: Ports, remove: Ports
) -> Decision:
    """`bound`: as it is on the host now. Raises InvalidArgument, and Conflict when a port that shall go is
    not published."""
    wanted = _spelled_out(config, host)
    gone: list[BoundPort] = []
    for port, several in (remove or {}).items():
        for one in several or [PortBinding()]:
            gone += _remove(name, wanted, bound, port, one)
    new: dict[str, list[PortBinding]] = {}
    for port, several in (add or {}).items():
        there = wanted.setdefault(_key(port), [])
        coming = [one for one in several or [PortBinding()] if not one.host_port or one not in there]
        there += coming
        new.setdefault(_key(port), []).extend(coming)
    after = _with(host, wanted)
    publishing.check(config, after)
    return Decision(after, gone, publishing.bindings(config, _with(host, new)))


def _with(host: HostConfig, wanted: Mapping[str, list[PortBinding]]) -> HostConfig:
    return structs.replace(host, port_bindings={**wanted}, publish_all_ports=False)


def _spelled_out(config: Config, host: HostConfig) -> dict[str, list[PortBinding]]:
    """What -P means, port by port: one of them may go."""
    wanted = {_key(port): list(several or ()) for port, several in (host.port_bindings or {}).items()}
    if host.publish_all_ports:
        for port in config.exposed_ports or {}:
            wanted[_key(port)] = wanted.get(_key(port)) or [PortBinding()]
    return {port: several for port, several in wanted.items() if several}


def _remove(
    name: str, wanted: dict[str, list[PortBinding]], bound: Sequence[BoundPort], port: str, which: PortBinding
) -> list[BoundPort]:
    """What is free then. Without a port of the host: wherever it is published."""
    key = _key(port)
    parsed = ports.parse(port, which.host_ip, which.host_port)
    on_host = [
        one
        for one in bound
        if (one.container_port, one.protocol) == (parsed.container_port, parsed.protocol)
        and which.host_port in ("", str(one.host_port))
        and which.host_ip in ("", one.host_ip)
    ]
    there = wanted.get(key, [])
    kept = [one for one in there if not _is_meant(one, which)]
    if len(kept) == len(there) and on_host:  # on a port that the kernel chose, or the first of a range
        kept = _without_one(there, on_host[0].host_port)
    if len(kept) == len(there):
        shown = ":".join(part for part in (which.host_ip, which.host_port, key) if part)
        raise Conflict(f"No public port '{shown}' published for {name}")
    wanted[key] = kept
    if not kept:
        del wanted[key]
    return on_host


def _is_meant(one: PortBinding, which: PortBinding) -> bool:
    return which.host_port in ("", one.host_port) and which.host_ip in ("", one.host_ip)


def _without_one(there: Sequence[PortBinding], number: int) -> list[PortBinding]:
    """The first that may have got this port of the host: the others may as well."""
    for place, one in enumerate(there):
        first, dash, last = one.host_port.partition("-")
        if not first or (dash and int(first) <= number <= int(last)):
            return [*there[:place], *there[place + 1 :]]
    return list(there)


def _key(port: str) -> str:
    parsed = ports.parse(port, "", "")
    return f"{parsed.container_port}/{parsed.protocol}"


def overlapping(gone: Sequence[BoundPort], added: Sequence[ports.PortBinding]) -> list[BoundPort]:
    """Of those that go, which stand in the way of those that come."""
    return [one for one in gone if any(ports.competes(bound(one), other) for other in added)]
