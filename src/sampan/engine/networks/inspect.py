"""Networks as the Engine API shows them."""

from collections.abc import Callable
from typing import Any

from sampan.engine import timestamps
from sampan.engine.containers.record import Endpoint
from sampan.engine.engine import Engine
from sampan.engine.events import has_label
from sampan.engine.networks.store import Network, Subnet
from sampan.errors import InvalidArgument

_TRUTH = {"true": True, "1": True, "false": False, "0": False}
FILTERS = frozenset(("dangling", "driver", "id", "label", "name", "scope", "type"))


def inspect(engine: Engine, network: Network, *, with_containers: bool = True) -> dict[str, Any]:
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": timestamps.text(network.created),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": network.ipv4,
        "EnableIPv6": network.ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": None if network.predefined else network.ipam_options or {},
            "Config": [_subnet(one) for one in network.subnets],
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": network.config_from},
        "ConfigOnly": network.config_only,
        "Containers": _containers(engine, network) if with_containers else {},
        "Options": network.options,
        "Labels": network.labels,
    }


def _subnet(one: Subnet) -> dict[str, Any]:
    shown: dict[str, Any] = {"Subnet": one.subnet}
    if one.span:
        shown["IPRange"] = one.span
    if one.gateway:
        shown["Gateway"] = one.gateway
    if one.auxiliary:
        shown["AuxiliaryAddresses"] = one.auxiliary
    return shown


def _containers(engine: Engine, network: Network) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for container in engine.containers:
        if not container.running:
            continue
        found = next((one for one in container.status.endpoints if one.network_id == network.id), None)
        if found is None and container.definition.host_config.network_mode == network.name:
            found = Endpoint(network.name)  # host and none
        if found is not None:
            shown[container.id] = {
                "Name": container.name,
                "EndpointID": found.endpoint_id,
                "MacAddress": found.mac,
                "IPv4Address": f"{found.address}/{found.prefix_length}" if found.address else "",
                "IPv6Address": f"{found.address6}/{found.prefix_length6}" if found.address6 else "",
            }
    return shown


def listing(engine: Engine, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Raises InvalidArgument."""
    for kind in filters.get("type", ()):
        if kind not in ("builtin", "custom"):
            raise InvalidArgument(f"invalid filter: 'type'='{kind}'")
    for value in filters.get("dangling", ()):
        if value.lower() not in _TRUTH:
            raise InvalidArgument(f"invalid filter 'dangling=[{value[:64]}]'")
    return [
        inspect(engine, network, with_containers=False)
        for network in engine.networks
        if _wanted(engine, network, filters)
    ]


def _wanted(engine: Engine, network: Network, filters: dict[str, list[str]]) -> bool:
    tests: dict[str, Callable[[str], bool]] = {
        "name": lambda value: value in network.name,
        "id": network.id.startswith,
        "driver": lambda value: value == network.driver,
        "scope": lambda value: value == "local",
        "type": lambda value: value == ("builtin" if network.predefined else "custom"),
        "dangling": lambda value: _TRUTH[value.lower()] == _dangling(engine, network),
    }
    if not all(has_label(network.labels, label) for label in filters.get("label", ())):
        return False
    return all(
        any(tests[key](value) for value in values) for key, values in filters.items() if key != "label"
    )


def _dangling(engine: Engine, network: Network) -> bool:
    return not network.predefined and not any(
        one.network_id == network.id for container in engine.containers for one in container.status.endpoints
    )
