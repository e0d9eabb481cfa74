"""`--device` and `--privileged` → device nodes and rules of the runtime-spec. Calm: looks at /dev."""

import os
import re
import stat
from typing import Any

from sampan.engine.containers.config import Device
from sampan.errors import InvalidArgument

_RULE = re.compile(r"([acb]) ([0-9]{1,10}|\*):([0-9]{1,10}|\*) ([rwm]{1,3})")
_SKIPPED = frozenset(("pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console", "ptmx"))


def mapped(devices: list[Device]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(linux.devices, rules) of `--device host[:container[:rwm]]`; a directory stands for all in it."""
    nodes: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    for device in devices:
        access = device.cgroup_permissions or "rwm"
        inside = device.path_in_container or device.path_on_host
        if not access or set(access) - set("rwm"):
            raise InvalidArgument(f"invalid device mode: {access}")
        found = _below(device.path_on_host, inside)
        if not found:
            raise InvalidArgument(
                f'error gathering device information while adding custom device "{device.path_on_host}":'
                f" {_why(device.path_on_host)}"
            )
        nodes += found
        rules += [_rule(node, access) for node in found]
    return nodes, rules


def parse_rules(texts: list[str]) -> list[dict[str, Any]]:
    """`--device-cgroup-rule "c 1:* rw"` → rules of linux.resources. Raises InvalidArgument."""
    rules = []
    for text in texts:
        if (found := _RULE.fullmatch(text)) is None:
            raise InvalidArgument(f"invalid device cgroup rule format: '{text}'")
        kind, major, minor, access = found.groups()
        rule: dict[str, Any] = {"allow": True, "type": kind}
        rule |= {"major": int(major)} if major != "*" else {}
        rule |= {"minor": int(minor)} if minor != "*" else {}
        rules.append(rule | {"access": access})
    return rules


def all_of_host() -> list[dict[str, Any]]:
    """Every node of /dev, for a privileged container."""
    return _below("/dev", "/dev")


def _why(path: str) -> str:
    return "not a device node" if os.path.exists(path) else "no such file or directory"


def _rule(node: dict[str, Any], access: str) -> dict[str, Any]:
    return {
        "allow": True,
        "type": node["type"],
        "major": node["major"],
        "minor": node["minor"],
        "access": access,
    }


def _below(path: str, inside: str) -> list[dict[str, Any]]:
    try:
        status = os.stat(path)
    except OSError:
        return []
    if not stat.S_ISDIR(status.st_mode):
        node = _node(inside, status)
        return [node] if node else []
    nodes = []
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.name in _SKIPPED or entry.is_symlink():
            continue
        nodes += _below(entry.path, f"{inside}/{entry.name}")
    return nodes


def _node(path: str, status: os.stat_result) -> dict[str, Any] | None:
    if stat.S_ISCHR(status.st_mode):
        kind = "c"
    elif stat.S_ISBLK(status.st_mode):
        kind = "b"
    else:
        return None
    return {
        "path": path,
        "type": kind,
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "fileMode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
    }
