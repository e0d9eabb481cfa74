"""What a client asks for when it makes a network, looked at before anything is done, in Docker 28's words.
Pure."""

import ipaddress
from typing import NamedTuple

import msgspec

from sampan.engine.networks.store import PREDEFINED, Subnet
from sampan.errors import Forbidden, InvalidArgument, NotFound, Unavailable, Unsupported

_MTU = "com.docker.network.driver.mtu"
_BRIDGE = "com.docker.network.bridge."
_TRUTH = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to'
    " swarm and try again."
)
_DRIVERS = ("bridge",)
_LATER = ("macvlan", "ipvlan")
_Parsed = ipaddress.IPv4Network | ipaddress.IPv6Network


class PoolRequest(msgspec.Struct):
    """One entry of IPAM.Config."""

    subnet: str = msgspec.field(default="", name="Subnet")
    span: str = msgspec.field(default="", name="IPRange")
    gateway: str = msgspec.field(default="", name="Gateway")
    auxiliary: dict[str, str] | None = msgspec.field(default=None, name="AuxiliaryAddresses")


class Ipam(msgspec.Struct):
    driver: str = msgspec.field(default="default", name="Driver")
    config: list[PoolRequest | None] | None = msgspec.field(default=None, name="Config")
    options: dict[str, str] | None = msgspec.field(default=None, name="Options")


class ConfigFrom(msgspec.Struct):
    network: str = msgspec.field(default="", name="Network")


class NetworkCreate(msgspec.Struct, rename="pascal"):
    name: str = ""
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = msgspec.field(default=None, name="EnableIPv4")
    enable_ipv6: bool | None = msgspec.field(default=None, name="EnableIPv6")
    ipam: Ipam | None = msgspec.field(default=None, name="IPAM")
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigFrom | None = None
    options: dict[str, str] | None = None
    labels: dict[str, str] | None = None


class BridgeOptions(NamedTuple):
    name: str = ""
    mtu: int = 1500
    icc: bool = True
    masquerade: bool = True
    host_binding: str = ""


def check(wanted: NetworkCreate) -> None:
    """Raises InvalidArgument, Forbidden, NotFound, Unsupported; whatever is not honoured is refused."""
    if not wanted.name.strip():
        raise InvalidArgument("invalid name: name is empty")
    if "\0" in wanted.name or "/" in wanted.name:
        raise InvalidArgument(f"invalid name: {wanted.name!r}".replace("'", '"'))
    if wanted.name in (*PREDEFINED, "default"):
        raise Forbidden(f"operation is not permitted on predefined {wanted.name} network")
    _driver(wanted.driver or "bridge")
    if wanted.ingress or wanted.scope == "swarm":
        raise Unavailable(_NO_SWARM)
    if wanted.config_only or (wanted.config_from and wanted.config_from.network):
        raise Unsupported("configuration-only networks are not supported")
    if wanted.enable_ipv4 is False:
        raise Unsupported("networks without IPv4 are not supported")
    ipam = wanted.ipam or Ipam()
    if ipam.driver not in ("", "default"):
        raise NotFound(
            f'could not find plugin {ipam.driver} in v1 plugin registry: plugin "{ipam.driver}" not found'
        )
    if ipam.options:
        raise Unsupported("options of the IPAM driver are not supported")


def _driver(driver: str) -> None:
    if driver in ("host", "null", "none"):
        name = "null" if driver == "none" else driver
        raise Forbidden(f'only one instance of "{name}" network is allowed')
    if driver == "overlay":
        raise Unavailable(_NO_SWARM)
    if driver in _LATER:
        raise Unsupported(f"networks with the driver {driver} are not supported yet")
    if driver not in _DRIVERS:
        raise NotFound(f'plugin "{driver}" not found')


def subnets(wanted: NetworkCreate) -> list[Subnet]:
    """What was asked for, without what we choose. Raises InvalidArgument, telling of everything wrong."""
    found, wrong = [], []
    for request in (wanted.ipam.config if wanted.ipam else None) or ():
        if request is None or not any((request.subnet, request.span, request.gateway, request.auxiliary)):
            continue
        one, errors = _subnet(request)
        wrong += errors
        if one is not None and (wanted.enable_ipv6 or ":" not in one.subnet):
            found.append(one)
    if wrong:
        raise InvalidArgument("invalid network config:\n" + "\n".join(wrong))
    for version in (4, 6):
        if len([one for one in found if (":" in one.subnet) == (version == 6)]) > 1:
            raise InvalidArgument(f"bridge driver doesn't support multiple subnets of IPv{version}")
    return found


def _subnet(request: PoolRequest) -> tuple[Subnet | None, list[str]]:
    network = _block(request.subnet)
    if network is None:
        return None, [f"invalid subnet {request.subnet}: invalid CIDR block notation"]
    wrong = []
    given = ipaddress.ip_interface(request.subnet)
    if given.ip != network.network_address:
        wrong.append(f"invalid subnet {request.subnet}: it should be {network}")
    wrong += _span(request.span, network)
    if request.gateway and (reason := _address(request.gateway, network)):
        wrong.append(f"invalid gateway {request.gateway}: {reason}")
    for address in (request.auxiliary or {}).values():
        if reason := _address(address, network):
            wrong.append(f"invalid auxiliary address {address}: {reason}")
    return Subnet(str(network), request.gateway, request.span, request.auxiliary), wrong


def _span(text: str, network: _Parsed) -> list[str]:
    if not text:
        return []
    span = _block(text)
    if span is None:
        return [f"invalid ip-range {text}: invalid CIDR block notation"]
    if span.version != network.version:
        return [f"invalid ip-range {text}: parent subnet is an IPv{network.version} block"]
    wrong = []
    if span.prefixlen < network.prefixlen:
        wrong.append(f"invalid ip-range {text}: CIDR block is bigger than its parent subnet {network}")
    if ipaddress.ip_interface(text).ip != span.network_address:
        wrong.append(f"invalid ip-range {text}: it should be {span}")
    if not span.overlaps(network):
        wrong.append(f"invalid ip-range {text}: parent subnet {network} doesn't contain ip-range")
    return wrong


def _block(text: str) -> _Parsed | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def _address(text: str, network: _Parsed) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "invalid address"
    if address.version != network.version:
        return f"parent subnet is an IPv{network.version} block"
    if address not in network:
        return f"parent subnet {network} doesn't contain this address"
    return ""


def bridge_options(options: dict[str, str]) -> BridgeOptions:
    """Raises InvalidArgument for a value that is none, Unsupported for another mode of its gateway."""
    for family in ("ipv4", "ipv6"):
        mode = options.get(f"{_BRIDGE}gateway_mode_{family}", "nat")
        if mode not in ("", "nat"):
            raise Unsupported(f"gateway mode {mode} is not supported")
    binding = options.get(f"{_BRIDGE}host_binding_ipv4", "")
    if binding and _address(binding, ipaddress.ip_network("0.0.0.0/0")):
        raise InvalidArgument(f"invalid host binding address: {binding}")
    name = options.get(f"{_BRIDGE}name", "")
    if len(name) > 15 or "/" in name or " " in name or name in (".", ".."):
        raise InvalidArgument(f"invalid bridge name: {name}")
    return BridgeOptions(
        name,
        _mtu(options.get(_MTU, "")),
        _truth(options, f"{_BRIDGE}enable_icc"),
        _truth(options, f"{_BRIDGE}enable_ip_masquerade"),
        binding,
    )


def _mtu(text: str) -> int:
    if not text:
        return 1500
    if not text.isascii() or not text.isdigit() or not 68 <= int(text) <= 65535:
        raise InvalidArgument(f"invalid MTU: {text}")
    return int(text)


def _truth(options: dict[str, str], name: str) -> bool:
    text = options.get(name, "")
    if text and text not in _TRUTH:
        raise InvalidArgument(f"failed to parse {name} value: {text!r} (invalid syntax)".replace("'", '"'))
    return _TRUTH.get(text, True)
