"""The three predefined networks as the Engine API shows them."""

from collections.abc import Callable
from typing import Any

from sampan.engine import timestamps
from sampan.engine.engine import Engine
from sampan.engine.network import PREDEFINED
from sampan.errors import InvalidArgument, NotFound

FILTERS = frozenset(("dangling", "driver", "id", "label", "name", "scope", "type"))
_DRIVERS = {"bridge": "bridge", "host": "host", "none": "null"}


def find(engine: Engine, word: str) -> str:
    """By name, ID, or a unique beginning of one."""
    if word in PREDEFINED:
        return word
    found = [name for name in PREDEFINED if word and engine.network.network_id(name).startswith(word)]
    if not found:
        raise NotFound(f"network {word} not found")
    if len(found) > 1:
        raise InvalidArgument(f"multiple IDs found with provided prefix: {word}")
    return found[0]


def inspect(engine: Engine, name: str, *, with_containers: bool = True) -> dict[str, Any]:
    bridge = engine.network.opened.bridge if engine.network.opened is not None else None
    ipam, options = [], {}
    if name == "bridge" and bridge is not None:
        ipam = [{"Subnet": bridge.subnet, "Gateway": bridge.gateway}]
        options = {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.bridge.name": bridge.name,
            "com.docker.network.driver.mtu": str(bridge.mtu),
        }
    return {
        "Name": name,
        "Id": engine.network.network_id(name),
        "Created": timestamps.text(engine.network.created),
        "Scope": "local",
        "Driver": _DRIVERS[name],
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": ipam},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": _containers(engine, name) if with_containers else {},
        "Options": options,
        "Labels": {},
    }


def _containers(engine: Engine, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for container in engine.containers:
        if not container.running or container.definition.host_config.network_mode != name:
            continue
        endpoint = container.status.endpoint
        address = f"{endpoint.address}/{endpoint.prefix_length}" if endpoint and endpoint.address else ""
        shown[container.id] = {
            "Name": container.name,
            "EndpointID": endpoint.endpoint_id if endpoint else "",
            "MacAddress": endpoint.mac if endpoint else "",
            "IPv4Address": address,
            "IPv6Address": "",
        }
    return shown


def listing(engine: Engine, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [
        inspect(engine, name, with_containers=False) for name in PREDEFINED if _wanted(engine, name, filters)
    ]


def _wanted(engine: Engine, name: str, filters: dict[str, list[str]]) -> bool:
    identity = engine.network.network_id(name)
    tests: dict[str, Callable[[str], bool]] = {
        "name": lambda value: value in name,
        "id": identity.startswith,
        "driver": lambda value: value == _DRIVERS[name],
        "scope": lambda value: value == "local",
        "type": lambda value: value == "builtin",
        "label": lambda value: False,
        "dangling": lambda value: value.lower() in ("0", "false"),
    }
    return all(any(tests[key](value) for value in values) for key, values in filters.items())
