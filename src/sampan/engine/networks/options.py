"""`-o KEY=VALUE` of a network, by driver, in Docker 28's words. Pure."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sampan.errors import InvalidArgument
from sampan.linux.rtnetlink import NAME_LIMIT
from sampan.network.bridge import GATEWAY_MODES, ISOLATED, NAT

_MTU = "com.docker.network.driver.mtu"
_BRIDGE = "com.docker.network.bridge."
_TRUSTED = f"{_BRIDGE}trusted_host_interfaces"
_PUBLISH = "sampan.network.publish"
BINDING = f"{_BRIDGE}host_binding_ipv4"
_TRUTH = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_SMALLEST_MTU, _LARGEST_MTU = 68, 65535  # of an Ethernet interface (linux/if_ether.h)
_PUBLISHING = ("nat", "relay")
_MACVLAN_MODES = ("bridge", "private", "vepa", "passthru")
_IPVLAN_MODES = ("l2", "l3", "l3s")
_IPVLAN_FLAGS = ("bridge", "private", "vepa")
HANGING = ("macvlan", "ipvlan")  # the drivers whose containers hang on an interface of the machine


class BridgeOptions(NamedTuple):
    """`host_binding` "": where the daemon's settings say. `relayed`: published ports pass the machine's INPUT
    chain; None: as the settings say. `trusted`: interfaces from where containers are reached at their own
    addresses."""

    name: str = ""
    mtu: int = 1500
    icc: bool = True
    masquerade: bool = True
    host_binding: str = ""
    mode: str = NAT
    mode6: str = NAT
    relayed: bool | None = None
    trusted: tuple[str, ...] = ()


class HangingOptions(NamedTuple):
    """Of macvlan and ipvlan. `parent` "": an interface that leads nowhere, and so an internal network."""

    parent: str = ""
    mode: str = ""
    flag: str = ""
    mtu: int = 0


def bridge_options(options: Mapping[str, str]) -> BridgeOptions:
    """Raises InvalidArgument."""
    binding = options.get(BINDING, "")
    if binding:
        check_binding(binding, BINDING)
    name = options.get(f"{_BRIDGE}name", "")
    if len(name) > 15 or "/" in name or " " in name or name in (".", ".."):
        raise InvalidArgument(f"invalid bridge name: {name}")
    return BridgeOptions(
        name,
        _mtu(options.get(_MTU, ""), 1500),
        _truth(options, f"{_BRIDGE}enable_icc"),
        _truth(options, f"{_BRIDGE}enable_ip_masquerade"),
        binding,
        _mode(options, "ipv4"),
        _mode(options, "ipv6"),
        relays(options, _PUBLISH),
        _trusted(options),
    )


def _trusted(options: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(one for one in options.get(_TRUSTED, "").split(":") if one)
    for one in names:
        if len(one.encode()) > NAME_LIMIT:
            raise InvalidArgument(
                f"failed to parse {_TRUSTED} value: {one} (it is too long for an interface)"
            )
    return names


def check_isolated(options: BridgeOptions, *, internal: bool) -> None:
    if ISOLATED in (options.mode, options.mode6) and not internal:
        raise InvalidArgument("gateway mode 'isolated' can only be used for an internal network")


def check_binding(text: str, name: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise InvalidArgument(f"failed to parse {name} value: {text} (nil ip)") from None


def relays(options: Mapping[str, Any], name: str) -> bool | None:
    """Of a network's options, or of the daemon's settings; None where they do not say."""
    word = options.get(name, "")
    if word and word not in _PUBLISHING:
        raise InvalidArgument(f"failed to parse {name} value: {word} (it is nat or relay)")
    return word == "relay" if word else None


def hanging_options(driver: str, options: Mapping[str, str], *, internal: bool) -> HangingOptions:
    """Raises InvalidArgument. `--internal` and no parent are the same."""
    if driver == "macvlan":
        mode, flag = options.get("macvlan_mode", "") or "bridge", ""
        if mode not in _MACVLAN_MODES:
            raise InvalidArgument(
                f"requested macvlan mode '{mode}' is not valid, 'bridge' mode is the macvlan driver default"
            )
    else:
        mode, flag = options.get("ipvlan_mode", "") or "l2", options.get("ipvlan_flag", "") or "bridge"
        if mode not in _IPVLAN_MODES:
            raise InvalidArgument(
                f"requested ipvlan mode '{mode}' is not valid, 'l2' mode is the ipvlan driver default"
            )
        if flag not in _IPVLAN_FLAGS:
            raise InvalidArgument(
                f"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver default"
            )
    parent = "" if internal else options.get("parent", "")
    if parent == "lo":
        raise InvalidArgument(f"loopback interface is not a valid {driver} parent link")
    return HangingOptions(parent, mode, flag, _mtu(options.get(_MTU, ""), 0))


def _mode(options: Mapping[str, str], family: str) -> str:
    name = f"{_BRIDGE}gateway_mode_{family}"
    mode = options.get(name, NAT)
    if mode not in GATEWAY_MODES:
        raise InvalidArgument(f"failed to parse {name} value: {mode} (unknown gateway mode {mode})")
    return mode


def _mtu(text: str, default: int) -> int:
    if not text:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
        raise InvalidArgument(
            f'failed to parse {_MTU} value: {text} (strconv.Atoi: parsing "{text}": invalid syntax)'
        )
    if int(text) and not _SMALLEST_MTU <= int(text) <= _LARGEST_MTU:
        raise InvalidArgument(f"invalid MTU number: {text}")
    return int(text) or default


def _truth(options: Mapping[str, str], name: str) -> bool:
    text = options.get(name, "")
    if text and text not in _TRUTH:
        raise InvalidArgument(
            f'failed to parse {name} value: {text} (strconv.ParseBool: parsing "{text}": invalid syntax)'
        )
    return _TRUTH.get(text, True)
