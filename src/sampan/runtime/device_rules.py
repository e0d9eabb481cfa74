"""Device access rules: the spec's list → v1 lines, or a BPF program for v2. Pure.

Later rules win. runc's emulator (libcontainer/cgroups/devices) is the model: a default, and exceptions.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.oci.runtime import RUNTIME_DEVICE_RULES

_ALL = -1  # any major or minor
_MKNOD, _READ, _WRITE = 1, 2, 4  # BPF_DEVCG_ACC_*
_ACCESS = {"m": _MKNOD, "r": _READ, "w": _WRITE}
_EVERYTHING = _MKNOD | _READ | _WRITE
_BLOCK, _CHAR = 1, 2  # BPF_DEVCG_DEV_*
_INSN = struct.Struct("<BBhi")  # struct bpf_insn
_JUMP_IF_EQUAL = 0x16  # BPF_JMP32 | BPF_JEQ | BPF_K
_JUMP_IF_NOT_EQUAL = 0x56  # BPF_JMP32 | BPF_JNE | BPF_K


class Device(NamedTuple):
    kind: str  # "b", "c"
    major: int
    minor: int


class Policy(NamedTuple):
    allow: bool  # what is no exception
    exceptions: Mapping[Device, int]


def complete(rules: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    """With what runc always allows (specconv.AllowedDevices)."""
    given = list(rules or ())
    return given + [rule for rule in RUNTIME_DEVICE_RULES if rule not in given]


def lines(rules: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(file, line) for the devices controller of v1."""
    return [("devices.allow" if rule.get("allow") else "devices.deny", _line(rule)) for rule in rules]


def policy(rules: Sequence[Mapping[str, Any]]) -> Policy:
    """Where the list leads to, starting from "everything is allowed"."""
    allow, exceptions = True, dict[Device, int]()
    for rule in rules:
        access, wanted = _access(rule), bool(rule.get("allow"))
        kind = rule.get("type") or "a"
        if kind == "a":
            allow, exceptions = wanted, {}
            continue
        device = Device("c" if kind == "u" else kind, _number(rule, "major"), _number(rule, "minor"))
        before = exceptions.get(device, 0)
        after = before & ~access if wanted == allow else before | access
        exceptions[device] = after
    return Policy(allow, {device: access for device, access in exceptions.items() if access})


def program(of: Policy) -> bytes:
    """BPF_PROG_TYPE_CGROUP_DEVICE: returns 1 to allow (linux/bpf.h, struct bpf_cgroup_dev_ctx)."""
    code = [
        _INSN.pack(0x61, 0x12, 0, 0),  # r2 = ctx->access_type
        _INSN.pack(0xBC, 0x23, 0, 0),  # w3 = w2
        _INSN.pack(0x54, 0x02, 0, 0xFFFF),  # w2 &= 0xffff: the type
        _INSN.pack(0x74, 0x03, 0, 16),  # w3 >>= 16: the access
        _INSN.pack(0x61, 0x14, 4, 0),  # r4 = ctx->major
        _INSN.pack(0x61, 0x15, 8, 0),  # r5 = ctx->minor
    ]
    for device, access in of.exceptions.items():
        code += _exception(device, access, allow=not of.allow)
    return b"".join([*code, *_result(allow=of.allow)])


def _exception(device: Device, access: int, *, allow: bool) -> list[bytes]:
    """Falls through to the next one unless all checks hold."""
    steps: list[tuple[int, int, int]] = []  # (opcode, registers, immediate); a jump goes to the end
    if allow and access != _EVERYTHING:  # all of the request must be in `access`
        steps += _masked(~access & _EVERYTHING, _JUMP_IF_NOT_EQUAL)
    elif not allow:  # any of it
        steps += _masked(access, _JUMP_IF_EQUAL)
    steps.append((_JUMP_IF_NOT_EQUAL, 0x02, _BLOCK if device.kind == "b" else _CHAR))
    if device.major != _ALL:
        steps.append((_JUMP_IF_NOT_EQUAL, 0x04, device.major))
    if device.minor != _ALL:
        steps.append((_JUMP_IF_NOT_EQUAL, 0x05, device.minor))
    result = _result(allow=allow)
    end = len(steps) + len(result)
    code = []
    for index, (opcode, registers, immediate) in enumerate(steps):
        offset = end - index - 1 if opcode in (_JUMP_IF_EQUAL, _JUMP_IF_NOT_EQUAL) else 0
        code.append(_INSN.pack(opcode, registers, offset, immediate))
    return code + result


def _masked(mask: int, jump: int) -> list[tuple[int, int, int]]:
    return [(0xBC, 0x31, 0), (0x54, 0x01, mask), (jump, 0x01, 0)]  # w1 = w3; w1 &= mask; jump on w1 ? 0


def _result(*, allow: bool) -> list[bytes]:
    return [_INSN.pack(0xB7, 0x00, 0, int(allow)), _INSN.pack(0x95, 0, 0, 0)]  # r0 = …; exit


def _line(rule: Mapping[str, Any]) -> str:
    kind = rule.get("type") or "a"
    if kind == "a":
        return "a"
    major, minor = (_number(rule, key) for key in ("major", "minor"))
    numbers = ":".join("*" if number == _ALL else str(number) for number in (major, minor))
    return f"{'c' if kind == 'u' else kind} {numbers} {rule.get('access') or 'rwm'}"


def _number(rule: Mapping[str, Any], key: str) -> int:
    value = rule.get(key)
    return _ALL if value is None or value < 0 else int(value)


def _access(rule: Mapping[str, Any]) -> int:
    access = 0
    for letter in rule.get("access") or "rwm":
        access |= _ACCESS.get(letter, 0)
    return access
