"""The subnets of `network create`, each with the range, the gateway and the addresses that lie in it
(docker/cli, consolidateIpam)."""

from __future__ import annotations

import ipaddress

from sampan.cli.container.mounts import fields
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def split(values: Sequence[str]) -> list[str]:
    """A flag may hold several, by commas."""
    return [one for value in values for one in fields(value)]


def consolidate(
    subnets: Sequence[str], spans: Sequence[str], gateways: Sequence[str], auxiliary: dict[str, str]
) -> list[dict[str, Any]]:
    """IPAM.Config of the API. Raises InvalidArgument in Docker's words."""
    if len(subnets) < len(spans) or len(subnets) < len(gateways):
        raise InvalidArgument("every ip-range or gateway must have a corresponding subnet")
    found: list[tuple[Network, dict[str, Any]]] = []
    for text in subnets:
        network = _network(text)
        if any(network.version == other.version and network.overlaps(other) for other, _ in found):
            raise InvalidArgument("multiple overlapping subnet configuration is not supported")
        found.append((network, {"Subnet": text}))
    for text in spans:
        _place(found, text, "IPRange", "range")
    for text in gateways:
        _place(found, text, "Gateway", "gateway")
    for name, text in auxiliary.items():
        _holder(found, text, "aux-address").setdefault("AuxiliaryAddresses", {})[name] = text
    return [config for _, config in found]


def _place(found: list[tuple[Network, dict[str, Any]]], text: str, field: str, word: str) -> None:
    config = _holder(found, text, word)
    if field in config:
        raise InvalidArgument(
            f"cannot configure multiple {word}s ({text}, {config[field]}) on the same subnet"
        )
    config[field] = text


def _holder(found: list[tuple[Network, dict[str, Any]]], text: str, word: str) -> dict[str, Any]:
    try:
        address = ipaddress.ip_interface(text).ip
    except ValueError:
        address = None
    for network, config in found:
        if address is not None and address in network:
            return config
    raise InvalidArgument(f"no matching subnet for {word} {text}")


def _network(text: str) -> Network:
    try:
        if "/" in text:
            return ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    raise InvalidArgument(f"invalid subnet {text}: invalid CIDR address: {text}")
