"""`update`: other limits for a container that runs."""

import json
import sys
from typing import Any

from sampan.errors import InvalidArgument
from sampan.runtime import cgroup_update
from sampan.runtimecli import entry as entries
from sampan.runtimecli.entry import Entry, running
from sampan.runtimecli.flags import Flag, count, value
from sampan.runtimecli.invocation import Invocation, one_operand

_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
# flag: (table of linux.resources, key)
_NUMBERS = {
    "blkio-weight": ("blockIO", "weight"),
    "cpu-period": ("cpu", "period"),
    "cpu-quota": ("cpu", "quota"),
    "cpu-burst": ("cpu", "burst"),
    "cpu-share": ("cpu", "shares"),
    "cpu-rt-period": ("cpu", "realtimePeriod"),
    "cpu-rt-runtime": ("cpu", "realtimeRuntime"),
    "pids-limit": ("pids", "limit"),
}
_SIZES = {
    "memory": ("memory", "limit"),
    "memory-reservation": ("memory", "reservation"),
    "memory-swap": ("memory", "swap"),
}
_TEXTS = {"cpuset-cpus": ("cpu", "cpus"), "cpuset-mems": ("cpu", "mems")}
FLAGS: list[Flag] = [
    value("resources r", "file with linux.resources; - for standard input"),
    *(value(name) for name in (*_NUMBERS, *_SIZES, *_TEXTS)),
]


def run(invocation: Invocation) -> int:
    new = wanted(invocation.given)
    with Entry(invocation.root, one_operand(invocation, "update")) as entry:
        running(entry.lock())
        spec = entry.config()
        old = (spec.get("linux") or {}).get("resources") or {}
        merged = merge(old, new)
        for warning in cgroup_update.update(entry.cgroup(), old, merged).warnings:
            invocation.log.warn(warning)
        spec["linux"]["resources"] = merged
        entry.write(entries.CONFIG, spec)
    return 0


def wanted(given: dict[str, Any]) -> dict[str, Any]:
    """As `linux.resources`. Raises InvalidArgument."""
    if given["resources"]:
        return _from_file(given["resources"])
    found: dict[str, Any] = {}
    for name, (table, key) in {**_NUMBERS, **_SIZES, **_TEXTS}.items():
        if (text := given[name]) is not None:
            number = size(text, name) if name in _SIZES else count(text, name) if name in _NUMBERS else text
            found.setdefault(table, {})[key] = number
    return found


def _from_file(path: str) -> dict[str, Any]:
    try:
        if path == "-":
            found = json.load(sys.stdin)
        else:
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"resources {path}: {error}") from None
    if not isinstance(found, dict):
        raise InvalidArgument(f"resources {path}: not an object")
    return found


def size(text: str, name: str) -> int:
    """ "64m" in bytes; -1 for no limit."""
    number = text.rstrip("bBkKmMgGtT")
    unit = (
        text[len(number) :].lower().removesuffix("b") if len(text) - len(number) > 1 else text[len(number) :]
    )
    if unit.lower() not in _UNITS:
        raise InvalidArgument(f'invalid value "{text}" for flag -{name}: parse error')
    return count(number, name) * _UNITS[unit.lower()]


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Table by table. Zeros and nothings change nothing, and devices stay as they are, as in runc."""
    merged = dict(old)
    for table, changes in new.items():
        if table == "devices" or not isinstance(changes, dict):
            continue
        said = {key: given for key, given in changes.items() if given not in (None, 0, "", [])}
        merged[table] = {**(old.get(table) or {}), **said}
    return merged
