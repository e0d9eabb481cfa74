"""The process of a spec, parsed in the monitor, before any fork. Pure but for the look at its labels."""

import resource
from typing import Any, NamedTuple

from sampan.linux import capability
from sampan.runtime import labels, scheduling
from sampan.runtime.failure import invalid
from sampan.runtime.scheduling import Scheduling

_RLIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
_INFINITY = 2**64 - 1
_UMASK = 0o022


class Capabilities(NamedTuple):
    """Bit masks."""

    bounding: int
    effective: int
    permitted: int
    inheritable: int
    ambient: int


class Rlimit(NamedTuple):
    name: str
    number: int
    soft: int
    hard: int


class Command(NamedTuple):
    arguments: list[str]
    environment: list[str]
    cwd: str
    terminal: bool
    username: str | None  # Docker's User string, to be looked up; None: the numbers
    uid: int
    gid: int
    groups: tuple[int, ...]
    group_names: tuple[str, ...]  # beside them: names or numbers, to be looked up
    umask: int
    capabilities: Capabilities
    no_new_privileges: bool
    rlimits: tuple[Rlimit, ...]
    seccomp: bytes | None  # BPF program
    scheduling: Scheduling | None
    apparmor: str  # profile; "": none


def parse(process: dict[str, Any], seccomp: bytes | None) -> Command:
    """Raises OciError."""
    arguments = process.get("args") or []
    cwd = process.get("cwd") or "/"
    if not arguments:
        raise invalid("args must not be empty")
    if not cwd.startswith("/"):
        raise invalid(f"Cwd must be an absolute path: {cwd}")
    if any("\0" in text for text in (*arguments, *(process.get("env") or ()), cwd)):
        raise invalid("args, env and cwd must not contain null bytes")
    user = process.get("user") or {}
    umask = user.get("umask")
    return Command(
        arguments=arguments,
        environment=list(process.get("env") or ()),
        cwd=cwd,
        terminal=bool(process.get("terminal")),
        username=user.get("username"),
        uid=user.get("uid", 0),
        gid=user.get("gid", 0),
        groups=tuple(user.get("additionalGids") or ()),
        group_names=tuple(user.get("additionalGroups") or ()),
        umask=_UMASK if umask is None else umask,
        capabilities=_capabilities(process.get("capabilities") or {}),
        no_new_privileges=bool(process.get("noNewPrivileges")),
        rlimits=tuple(map(_rlimit, process.get("rlimits") or ())),
        seccomp=seccomp,
        scheduling=scheduling.parse(process),
        apparmor=labels.profile(process),
    )


def variable(environment: list[str], name: str) -> str | None:
    """The last of that name, as getenv(3) of a shell would see it after runc set them in order."""
    prefix = name + "="
    for entry in reversed(environment):
        if entry.startswith(prefix):
            return entry[len(prefix) :]
    return None


def _capabilities(sets: dict[str, list[str]]) -> Capabilities:
    masks = []
    for name in Capabilities._fields:
        try:
            masks.append(capability.mask(sets.get(name) or []))
        except KeyError as error:
            raise invalid(f"unknown capability: {error.args[0]!r}") from None
    return Capabilities(*masks)


def _rlimit(entry: dict[str, Any]) -> Rlimit:
    number = _RLIMITS.get(entry["type"])
    if number is None:
        raise invalid(f"invalid rlimit type {entry['type']}")
    return Rlimit(entry["type"], number, _limit(entry["soft"]), _limit(entry["hard"]))


def _limit(value: int) -> int:
    return resource.RLIM_INFINITY if value >= _INFINITY or value < 0 else value
