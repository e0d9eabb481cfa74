"""What a client asks for when it makes a network, looked at before anything is done, in Docker 28's words.
Pure."""

import ipaddress

import msgspec

from sampan.engine.networks.options import HANGING
from sampan.engine.networks.store import PREDEFINED, Subnet
from sampan.errors import Forbidden, InvalidArgument, NotFound, Unavailable, Unsupported

_NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to'
    " swarm and try again."
)
_DRIVERS = ("bridge", *HANGING)
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


def check(wanted: NetworkCreate) -> None:
    """Raises InvalidArgument, Forbidden, NotFound, Unsupported; whatever is not honoured is refused."""
    if not wanted.name.strip():
        raise InvalidArgument("invalid name: name is empty")
    if "\0" in wanted.name or "/" in wanted.name:
        raise InvalidArgument(f"invalid name: {wanted.name!r}".replace("'", '"'))
    if wanted.name in (*PREDEFINED, "default"):
        raise Forbidden(f"operation is not permitted on predefined {wanted.name} network")
    if not wanted.config_only:
        _driver(wanted.driver or "bridge")
    if wanted.ingress:
        raise Forbidden("Ingress network can only be global scope network")
    if wanted.scope == "swarm":
        raise Forbidden("cannot create a swarm scoped network when swarm is not active")
    if wanted.enable_ipv4 is False and not wanted.enable_ipv6 and not wanted.config_only:
        raise InvalidArgument("IPv4 or IPv6 must be enabled")
    if wanted.config_from and wanted.config_from.network:
        _check_dependent(wanted)
    ipam = wanted.ipam or Ipam()
    if ipam.driver not in ("", "default"):
        raise NotFound(
            f'could not find plugin {ipam.driver} in v1 plugin registry: plugin "{ipam.driver}" not found'
        )
    if ipam.options:
        raise Unsupported("options of the IPAM driver are not supported")


def _check_dependent(wanted: NetworkCreate) -> None:
    """What a network that copies a configuration may not say itself (libnetwork, validateConfiguration)."""
    if wanted.config_only:
        raise Forbidden("a configuration network cannot depend on another configuration network")
    ipam = wanted.ipam or Ipam()
    pools = [one for one in ipam.config or () if one and any((one.subnet, one.span, one.gateway))]
    if pools or ipam.options or wanted.labels or wanted.options or wanted.enable_ipv6:
        raise Forbidden(
            "user specified configurations are not supported if the network depends on a configuration"
            " network"
        )


def _driver(driver: str) -> None:
    if driver in ("host", "null", "none"):
        name = "null" if driver == "none" else driver
        raise Forbidden(f'only one instance of "{name}" network is allowed')
    if driver == "overlay":
        raise Unavailable(_NO_SWARM)
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
        if one is not None and (wanted.enable_ipv6 if ":" in one.subnet else wanted.enable_ipv4 is not False):
            found.append(one)
    if wrong:
        raise InvalidArgument("invalid network config:\n" + "\n".join(wrong))
    for version in (4, 6) if (wanted.driver or "bridge") == "bridge" else ():
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
