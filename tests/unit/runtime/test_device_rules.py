"""Device rules: the emulation of v1's list, and the BPF program, run here by a small interpreter."""

import struct
from typing import Any

import pytest

from sampan.oci.runtime import ALLOW_ALL_DEVICES, DENY_ALL_DEVICES, DEVICE_RULES
from sampan.runtime import device_rules
from sampan.runtime.device_rules import Device, Policy

_MKNOD, _READ, _WRITE = 1, 2, 4


def run(program: bytes, kind: str, major: int, minor: int, access: int) -> bool:
    """The six instructions that the program uses (Documentation/bpf/standardization/instruction-set.rst)."""
    registers = [0] * 11
    context = {0: access << 16 | {"b": 1, "c": 2}[kind], 4: major, 8: minor}
    code = [struct.unpack_from("<BBhi", program, i) for i in range(0, len(program), 8)]
    at = 0
    while True:
        opcode, operands, offset, immediate = code[at]
        target, source = operands & 15, operands >> 4
        at += 1
        if opcode == 0x61:
            registers[target] = context[offset]
        elif opcode == 0xBC:
            registers[target] = registers[source]
        elif opcode == 0x54:
            registers[target] &= immediate
        elif opcode == 0x74:
            registers[target] >>= immediate
        elif opcode == 0xB7:
            registers[target] = immediate
        elif opcode in (0x16, 0x56):
            if (registers[target] == immediate) == (opcode == 0x16):
                at += offset
        elif opcode == 0x95:
            return bool(registers[0])
        else:
            raise AssertionError(f"opcode {opcode:#x}")


def _program(rules: list[dict[str, Any]]) -> bytes:
    return device_rules.program(device_rules.policy(rules))


DEFAULT = device_rules.complete(DEVICE_RULES)


@pytest.mark.parametrize(
    ("kind", "major", "minor", "access", "allowed"),
    [
        ("c", 1, 3, _READ | _WRITE, True),
        ("c", 1, 1, _READ, False),  # /dev/mem
        ("c", 1, 1, _MKNOD, True),
        ("b", 8, 0, _MKNOD, True),
        ("b", 8, 0, _READ, False),
        ("c", 136, 77, _READ | _WRITE | _MKNOD, True),
        ("c", 10, 200, _READ, True),
        ("c", 10, 229, _READ, False),  # fuse
        ("c", 5, 2, _READ | _WRITE, True),
        ("b", 1, 3, _READ, False),
    ],
)
def test_dockers_default(kind: str, major: int, minor: int, access: int, allowed: bool) -> None:
    assert run(_program(list(DEFAULT)), kind, major, minor, access) is allowed


def test_privileged_allows_all_and_needs_no_program() -> None:
    assert device_rules.policy(device_rules.complete([ALLOW_ALL_DEVICES])) == Policy(True, {})


def test_exceptions_from_allow_all_are_partial() -> None:
    program = _program(
        [ALLOW_ALL_DEVICES, {"allow": False, "type": "c", "major": 1, "minor": 1, "access": "w"}]
    )
    assert run(program, "c", 1, 1, _READ)
    assert not run(program, "c", 1, 1, _READ | _WRITE)
    assert run(program, "c", 1, 2, _WRITE)


def test_rules_for_one_device_add_up() -> None:
    rules = [
        DENY_ALL_DEVICES,
        {"allow": True, "type": "b", "major": 8, "minor": 0, "access": "r"},
        {"allow": True, "type": "b", "major": 8, "minor": 0, "access": "w"},
        {"allow": False, "type": "b", "major": 8, "minor": 0, "access": "r"},
    ]
    assert device_rules.policy(rules) == Policy(False, {Device("b", 8, 0): _WRITE})


def test_lines_of_v1() -> None:
    assert device_rules.lines(DEVICE_RULES)[:2] == [("devices.deny", "a"), ("devices.allow", "c 1:5 rwm")]
    assert ("devices.allow", "c 136:* rwm") in device_rules.lines(DEFAULT)
    assert ("devices.allow", "b *:* m") in device_rules.lines(DEFAULT)
