"""`--network`: a mode or a name, or `name=…,alias=…` (docker/cli, opts.NetworkOpt)."""

from __future__ import annotations

from sampan.cli.container.mounts import fields
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sampan.cli.flags import Values

_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_KEYS = {"ip": "IPv4Address", "ip6": "IPv6Address"}


def parse_network(text: str) -> dict[str, Any]:
    """{"name": …, "endpoint": an API EndpointSettings}. Raises ValueError in Docker's words."""
    if "=" not in text:
        return {"name": text, "endpoint": {}}
    name = ""
    endpoint: dict[str, Any] = {}
    for field in fields(text):
        key, equals, value = field.lower().strip().partition("=")
        if not equals:
            raise ValueError(f"invalid field {field}")
        value = field.partition("=")[2].strip()
        if key == "name":
            name = value
        elif key == "alias":
            endpoint.setdefault("Aliases", []).append(value)
        elif key in _KEYS:
            endpoint.setdefault("IPAMConfig", {})[_KEYS[key]] = value
        elif key == "mac-address":
            endpoint["MacAddress"] = value
        elif key == "link-local-ip":
            endpoint.setdefault("IPAMConfig", {}).setdefault("LinkLocalIPs", []).append(value)
        elif key == "driver-opt":
            option, _, setting = value.partition("=")
            endpoint.setdefault("DriverOpts", {})[option] = setting
        elif key == "gw-priority":
            endpoint["GwPriority"] = _priority(value)
        else:
            raise ValueError(f"invalid field key {key}")
    if not name:
        raise ValueError("network name/id is not specified")
    return {"name": name, "endpoint": endpoint}


def modes(networks: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """(HostConfig.NetworkMode, NetworkingConfig.EndpointsConfig) of the networks that were asked for."""
    if not networks:
        return "", {}
    endpoints: dict[str, Any] = {}
    for network in networks:
        if network["name"] in endpoints:
            raise InvalidArgument(f'network "{network["name"]}" is specified multiple times')
        endpoints[network["name"]] = network["endpoint"]
    if len({_is_mode(name) for name in endpoints}) > 1:
        raise InvalidArgument(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
        )
    first = networks[0]["name"]
    if len(networks) == 1 and not networks[0]["endpoint"]:
        return first, {}
    return first, endpoints


def settle(endpoints: dict[str, Any], options: Values) -> None:
    """What the flags of a single network say goes to the first one (docker/cli, applyContainerOptions).
    Raises InvalidArgument when it says so itself.
    """
    name, endpoint = next(iter(endpoints.items()))
    ipam = endpoint.get("IPAMConfig") or {}
    links = options["link"] if name != "default" else []
    for words, given, there in (
        ("--network-alias and per-network alias", options["network-alias"], endpoint.get("Aliases")),
        ("--link and per-network links", links, endpoint.get("Links")),
        ("--ip and per-network IPv4 address", options["ip"], ipam.get("IPv4Address")),
        ("--ip6 and per-network IPv6 address", options["ip6"], ipam.get("IPv6Address")),
        ("--mac-address and per-network MAC address", options["mac-address"], endpoint.get("MacAddress")),
    ):
        if given and there:
            raise InvalidArgument(f"conflicting options: cannot specify both {words}")
    if aliases := options["network-alias"] + options["net-alias"]:
        endpoint["Aliases"] = aliases
    if links:
        endpoint["Links"] = links
    for flag, field in (("ip", "IPv4Address"), ("ip6", "IPv6Address"), ("link-local-ip", "LinkLocalIPs")):
        if options[flag]:
            endpoint.setdefault("IPAMConfig", {})[field] = options[flag]
    if mac := options["mac-address"]:
        check_mac(mac)
        endpoint["MacAddress"] = mac


def check_mac(text: str) -> None:
    """As Go's net.ParseMAC: 6, 8 or 20 bytes, by colons or hyphens, or by dots in pairs."""
    separator = "." if "." in text else "-" if "-" in text else ":"
    parts = text.strip().split(separator)
    width = 4 if separator == "." else 2
    good = all(len(part) == width and not set(part) - _HEXADECIMAL for part in parts)
    if not good or len(parts) * width // 2 not in (6, 8, 20):
        raise InvalidArgument(f"{text} is not a valid mac address")


def _is_mode(name: str) -> bool:
    return name in ("host", "none", "default", "bridge") or name.startswith("container:")


def _priority(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"invalid gw-priority: {text}") from None
