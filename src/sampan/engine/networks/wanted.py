"""Which networks a container shall be on, and what it asks for there: at create made definite, in the words
of Docker 28 where it cannot be."""

import ipaddress

from sampan.engine.containers.config import EndpointRequest, HostConfig, NetworkingConfig
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.networks import endpoint_options
from sampan.engine.networks.store import PREDEFINED, Network
from sampan.errors import Forbidden, InvalidArgument, NotFound

_SEVERAL = (1, 44)  # the API's version from which on a container may be created on several networks


def settle(engine: Engine, host: HostConfig, networking: NetworkingConfig, version: tuple[int, int]) -> None:
    """Names in place of IDs, an entry for the network mode. Raises InvalidArgument."""
    asked = networking.endpoints_config or {}
    if host.network_mode.startswith("container:"):
        networking.endpoints_config = None
        return
    if len(asked) > 1 and version < _SEVERAL:
        told = ", ".join(sorted(asked))
        raise InvalidArgument(f"Container cannot be connected to network endpoints: {told}")
    settled: dict[str, EndpointRequest | None] = {_name(engine, host.network_mode): EndpointRequest()}
    for word, request in asked.items():
        settled[_name(engine, word)] = request or EndpointRequest()
    if len(settled) > 1 and settled.keys() & {"host", "none"}:
        raise InvalidArgument(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
        )
    for name, request in settled.items():
        check(engine.networks.named(name), name, request or EndpointRequest())
    networking.endpoints_config = settled


def _name(engine: Engine, word: str) -> str:
    """A network that is not there is missed at the start only, as in Docker."""
    found = engine.networks.resolve(word)
    return found.name if found is not None else word


def check(network: Network | None, name: str, request: EndpointRequest) -> None:
    """Raises InvalidArgument."""
    wrong = []
    if name in PREDEFINED:
        if request.aliases:
            wrong.append("network-scoped aliases are only supported for user-defined networks")
        if addresses(request) != ("", ""):
            wrong.append("user specified IP address is supported on user defined networks only")
    for text, version in zip(addresses(request), (4, 6), strict=True):
        if text:
            wrong += _address(network, text, version)
    if request.mac_address and not _is_mac(request.mac_address):
        wrong.append(f"invalid MAC address: {request.mac_address}")
    for look in (_look_at_options, endpoint_options.link_local):
        try:
            look(request)
        except InvalidArgument as error:
            wrong.append(str(error))
    if wrong:
        told = "\n".join(dict.fromkeys(wrong))
        raise InvalidArgument(f"invalid config for network {name}: invalid endpoint settings:\n{told}")


def _look_at_options(request: EndpointRequest) -> None:
    endpoint_options.sysctls(request, endpoint_options.interface(request) or "eth0")


def _address(network: Network | None, text: str, version: int) -> list[str]:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return [f"invalid IPv{version} address: {text}"]
    if address.version != version:
        return [f"invalid IPv{version} address: {text}"]
    if network is None or network.predefined:
        return []
    subnets = [one for one in network.subnets if (":" in one.subnet) == (version == 6)]
    if not subnets or all(one.chosen for one in subnets):
        return [
            "user specified IP address is supported only when connecting to networks with user configured"
            " subnets"
        ]
    if not any(address in ipaddress.ip_network(one.subnet) for one in subnets):
        return [f"no configured subnet contains IP address {text}"]
    return []


def addresses(request: EndpointRequest) -> tuple[str, str]:
    """(IPv4, IPv6) as asked for, "" for any."""
    found = request.ipam_config or {}
    return str(found.get("IPv4Address") or ""), str(found.get("IPv6Address") or "")


def _is_mac(text: str) -> bool:
    parts = text.replace("-", ":").split(":")
    return len(parts) == 6 and all(
        len(part) == 2 and part.isascii() and part.isalnum() and _is_hexadecimal(part) for part in parts
    )


def _is_hexadecimal(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)


def requests(container: Container) -> dict[str, EndpointRequest]:
    """{network: what is asked for there}; that of the network mode first. Nothing for host, none, another
    container's network, or none at all."""
    definition = container.definition
    mode = definition.host_config.network_mode
    if mode.startswith("container:") or mode in ("host", "none") or definition.config.network_disabled:
        return {}
    found = definition.networking.endpoints_config
    if not found:
        return {mode: EndpointRequest()} if found is None else {}
    return {name: request or EndpointRequest() for name, request in found.items()}


def networks(engine: Engine, container: Container) -> list[tuple[Network, EndpointRequest]]:
    """Raises NotFound for one that is gone."""
    found = []
    for name, request in requests(container).items():
        network = engine.networks.resolve(name)
        if network is None:
            raise NotFound(f"network {name} not found")
        if network.config_only:
            raise Forbidden("cannot create endpoint on configuration-only network")
        found.append((network, request))
    return found


def dns_names(container: Container, request: EndpointRequest) -> list[str]:
    """What it is called on a network of users, each once."""
    hostname = container.definition.config.hostname
    names = [container.name, *(request.aliases or ()), container.short_id, hostname]
    return list(dict.fromkeys(name for name in names if name))
