"""Flags about devices: `--device`, `--device-cgroup-rule`, `--gpus`, and the weights and rates of block
devices. Docker's words (docker/cli: cli/command/container/opts.go, opts/throttledevice.go, opts/gpus.go).
"""

from __future__ import annotations

from sampan.cli import values
from sampan.cli.container.mounts import fields
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_RATE = "The correct format is <device-path>:<number>{}. Number must be a positive integer{}"
_BYTES = _RATE.format("[<unit>]", ". Unit is optional and can be kb, mb, or gb")
_COUNT = _RATE.format("", "")
_UINT64 = 2**64


def parse_weight(text: str) -> dict[str, Any]:
    """`/dev/sda:100`"""
    path, weight = _split(text)
    value = int(weight) if weight.isascii() and weight.isdigit() else -1
    if value and not 10 <= value <= 1000:
        raise ValueError(f"invalid weight for device: {text}")
    return {"Path": path, "Weight": value}


def parse_bytes_rate(text: str) -> dict[str, Any]:
    """`/dev/sda:1mb`"""
    path, rate = _split(text)
    try:
        return {"Path": path, "Rate": values.parse_bytes(rate)}
    except ValueError:
        raise ValueError(f"invalid rate for device: {text}. {_BYTES}") from None


def parse_count_rate(text: str) -> dict[str, Any]:
    """`/dev/sda:1000`"""
    path, rate = _split(text)
    if not (rate.isascii() and rate.isdigit() and int(rate) < _UINT64):
        raise ValueError(f"invalid rate for device: {text}. {_COUNT}")
    return {"Path": path, "Rate": int(rate)}


def check_rule(text: str) -> str:
    """`c 1:3 rwm`: kind, major:minor, access."""
    parts = text.split(" ")
    numbers = parts[1].split(":") if len(parts) == 3 else []
    if (
        len(numbers) != 2
        or parts[0] not in ("a", "b", "c")
        or not all(one == "*" or (one.isascii() and one.isdigit()) for one in numbers)
        or not 0 < len(parts[2]) <= 3
        or set(parts[2]) - set("rwm")
    ):
        raise ValueError(f"invalid device cgroup format '{text}'")
    return text


def check_link(text: str) -> str:
    """`name[:alias]`"""
    if not text:
        raise ValueError("empty string specified for links")
    if text.count(":") > 1:
        raise ValueError(f"bad format for links: {text}")
    return text


def parse_gpus(text: str) -> dict[str, Any]:
    """`all`, a number, or `device=…,driver=…,capabilities=…`: a DeviceRequest."""
    request: dict[str, Any] = {"Driver": "", "Count": 0, "DeviceIDs": None, "Options": {}}
    capabilities: list[str] = []
    seen: set[str] = set()
    for field in fields(text):
        key, equals, value = field.partition("=")
        key, value = (key, value) if equals else ("count", key)
        if key in seen:
            raise ValueError(f"gpu request key '{key}' can be specified only once")
        seen.add(key)
        if key == "driver":
            request["Driver"] = value
        elif key == "count":
            request["Count"] = _gpu_count(value)
        elif key == "device":
            request["DeviceIDs"] = value.split(",")
        elif key == "capabilities":
            capabilities = value.split(",")
        elif key == "options":
            request["Options"] = dict(values.parse_pair(one) for one in fields(value))
        else:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
    if "count" not in seen and not request["DeviceIDs"]:
        request["Count"] = 1
    if "gpu" not in capabilities:
        capabilities.append("gpu")
    return request | {"Capabilities": [capabilities]}


def host_fields(devices: Sequence[str], gpus: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """HostConfig's fields: what names a CDI device is a request for the daemon, the rest are paths."""
    kinds = [text for text in devices if _is_cdi(text)]
    requests = list(gpus) + ([{"Driver": "cdi", "DeviceIDs": kinds}] if kinds else [])
    mapped = [_device(text) for text in devices if text not in kinds]
    return ({"Devices": mapped} if mapped else {}) | ({"DeviceRequests": requests} if requests else {})


def _device(text: str) -> dict[str, str]:
    """`/dev/x[:/dev/y][:rwm]` as the API's DeviceMapping."""
    parts = text.split(":")
    if len(parts) > 3 or not parts[0]:
        raise InvalidArgument(f"bad format for path: {text}")
    if len(parts) == 3 and not _is_access(parts[2]):
        raise InvalidArgument(f"bad mode specified: {parts[2]}")
    access = parts.pop() if len(parts) > 1 and _is_access(parts[-1]) else "rwm"
    inside = parts[1] if len(parts) > 1 and parts[1] else parts[0]
    if not inside.startswith("/"):
        raise InvalidArgument(f"{inside} is not an absolute path")
    return {"PathOnHost": parts[0], "PathInContainer": inside, "CgroupPermissions": access}


def _is_access(text: str) -> bool:
    return bool(text) and not set(text) - set("rwm") and len(set(text)) == len(text)


def _is_cdi(text: str) -> bool:
    """`vendor.com/class=name`"""
    kind, equals, name = text.partition("=")
    vendor, slash, device = kind.partition("/")
    words = (vendor, device.replace("/", "?"), name)
    return bool(equals and slash) and all(
        word and word[0].isalnum() and not set(word) - _CDI_LETTERS for word in words
    )


_CDI_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:")


def _gpu_count(text: str) -> int:
    if text == "all":
        return -1
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f'invalid count ({text}): value must be either "all" or an integer: invalid syntax'
        ) from None


def _split(text: str) -> tuple[str, str]:
    """Path and value of `/dev/sda:100`."""
    path, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"bad format: {text}")
    if not path.startswith("/dev/"):
        raise ValueError(f"bad format for device path: {text}")
    return path, value
