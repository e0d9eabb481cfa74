"""Seccomp profiles in Docker's format → the rules that hold for one container. Pure.

The semantics are moby's (profiles/seccomp/seccomp_linux.go, setupSeccomp): `excludes` first; of the
capabilities of `includes` all must be there, of those of `excludes` any drops the rule.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# platform.machine() → (Docker's word for it, libseccomp's).
MACHINES: dict[str, tuple[str, str]] = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"),
    "s390x": ("s390x", "SCMP_ARCH_S390X"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"),
}
_EPERM = 1
_WITH_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")


class Argument(NamedTuple):
    number: int  # 0 to 5
    operation: str  # "SCMP_CMP_EQ", …
    value: int
    value_two: int


class Rule(NamedTuple):
    names: tuple[str, ...]
    action: str  # "SCMP_ACT_ALLOW", …
    errno: int
    arguments: tuple[Argument, ...]


class Filter(NamedTuple):
    default_action: str
    default_errno: int
    architectures: tuple[str, ...]  # native first
    flags: tuple[str, ...]
    rules: tuple[Rule, ...]


def resolve(
    profile: Mapping[str, Any], capabilities: Sequence[str], machine: str, kernel: tuple[int, int]
) -> Filter:
    """`capabilities`: the bounding set. Raises ValueError for a profile that makes no sense, KeyError for a
    machine that we do not know."""
    arch, native = MACHINES[machine]
    if profile.get("architectures") and profile.get("archMap"):
        raise ValueError("both 'architectures' and 'archMap' are specified in the seccomp profile")
    default_action = profile.get("defaultAction")
    if not default_action:
        raise ValueError("the seccomp profile has no defaultAction")
    rules = [
        _rule(entry)
        for entry in profile.get("syscalls") or ()
        if _applies(entry, frozenset(capabilities), arch, kernel)
    ]
    return Filter(
        default_action,
        _errno(profile.get("defaultErrnoRet")),
        _architectures(profile, native),
        tuple(profile.get("flags") or ()),
        tuple(rules),
    )


def document(wanted: Filter) -> dict[str, Any]:
    """As `linux.seccomp` of the runtime-spec."""
    found: dict[str, Any] = {"defaultAction": wanted.default_action}
    if wanted.default_action in _WITH_ERRNO:
        found["defaultErrnoRet"] = wanted.default_errno
    found |= {
        "architectures": list(wanted.architectures),
        "syscalls": [_entry(rule) for rule in wanted.rules],
    }
    return found | ({"flags": list(wanted.flags)} if wanted.flags else {})


def _entry(rule: Rule) -> dict[str, Any]:
    entry: dict[str, Any] = {"names": list(rule.names), "action": rule.action}
    if rule.action in _WITH_ERRNO:
        entry["errnoRet"] = rule.errno
    if rule.arguments:
        entry["args"] = [
            {"index": a.number, "value": a.value, "valueTwo": a.value_two, "op": a.operation}
            for a in rule.arguments
        ]
    return entry


def _architectures(profile: Mapping[str, Any], native: str) -> tuple[str, ...]:
    for entry in profile.get("archMap") or ():
        if entry["architecture"] == native:
            return (native, *(entry.get("subArchitectures") or ()))
    return tuple(dict.fromkeys((native, *(profile.get("architectures") or ()))))


def _applies(
    entry: Mapping[str, Any], capabilities: frozenset[str], arch: str, kernel: tuple[int, int]
) -> bool:
    excludes, includes = entry.get("excludes") or {}, entry.get("includes") or {}
    if arch in (excludes.get("arches") or ()) or capabilities & set(excludes.get("caps") or ()):
        return False
    if (least := excludes.get("minKernel")) and kernel >= _version(least):
        return False
    if (arches := includes.get("arches")) and arch not in arches:
        return False
    if not capabilities.issuperset(includes.get("caps") or ()):
        return False
    least = includes.get("minKernel")
    return not least or kernel >= _version(least)


def _rule(entry: Mapping[str, Any]) -> Rule:
    if entry.get("name") and entry.get("names"):
        raise ValueError("both 'name' and 'names' are specified in a seccomp rule")
    names = entry.get("names") or [entry["name"]]
    arguments = tuple(
        Argument(a["index"], a["op"], a.get("value", 0), a.get("valueTwo", 0))
        for a in entry.get("args") or ()
    )
    return Rule(tuple(names), entry["action"], _errno(entry.get("errnoRet")), arguments)


def _errno(value: int | None) -> int:
    return _EPERM if value is None else value


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor or "0")
