"""Seccomp filters as the kernel has them, and as Docker's profile means them.

`loaded` reads the exact program of a running process, whichever engine has loaded it; `run` executes one;
`Model` is written from the profile's format and the kernel's headers, without any of our own code.
"""

import ctypes
import functools
import json
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sampan.oci import seccomp_default

ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x50000 | 1, 0x50000 | 38
X32_BIT = 0x40000000
AUDIT = {"x86_64": 0xC000003E, "x32": 0xC000003E, "i386": 0x40000003}
_HEADERS = {"x86_64": "unistd_64.h", "x32": "unistd_x32.h", "i386": "unistd_32.h"}
_INCLUDE = (Path("/usr/include/x86_64-linux-gnu/asm"), Path("/usr/include/asm"))
_PTRACE_SEIZE, _PTRACE_INTERRUPT, _PTRACE_DETACH, _GET_FILTER = 0x4206, 0x4207, 17, 0x420C
_WALL = 0x40000000
# Of kernels newer than Debian 12's headers (6.1), the same on all architectures.
_NEWER = {
    name: 451 + offset
    for offset, name in enumerate(
        (
            *("cachestat", "fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue"),
            *("statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules"),
            *("mseal", "setxattrat", "getxattrat", "listxattrat", "removexattrat", "open_tree_attr"),
            *("file_getattr", "file_setattr"),
        )
    )
}


_NOT_X32 = ("map_shadow_stack",)


def loaded(pid: int) -> bytes:
    """The newest filter of a process: an array of struct sock_filter (ptrace(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    libc.ptrace.restype = ctypes.c_long
    _traced(libc.ptrace(_PTRACE_SEIZE, pid, None, None))
    try:
        _traced(libc.ptrace(_PTRACE_INTERRUPT, pid, None, None))
        os.waitpid(pid, _WALL)
        count = _traced(libc.ptrace(_GET_FILTER, pid, None, None))
        buffer = ctypes.create_string_buffer(count * 8)
        _traced(libc.ptrace(_GET_FILTER, pid, None, ctypes.cast(buffer, ctypes.c_void_p)))
        return buffer.raw
    finally:
        libc.ptrace(_PTRACE_DETACH, pid, None, None)


def _traced(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        if number in (5, 22):  # EIO, EINVAL: a kernel without CONFIG_CHECKPOINT_RESTORE
            pytest.skip("this kernel does not show loaded filters")
        raise OSError(number, os.strerror(number), "ptrace")
    return result


class Program:
    """Classic BPF over struct seccomp_data (Documentation/networking/filter.rst)."""

    def __init__(self, code: bytes) -> None:
        self._code = list(struct.iter_unpack("=HBBI", code))

    def __call__(self, number: int, audit: int, arguments: Sequence[int] = ()) -> int:
        words = struct.unpack(
            "<16I", struct.pack("<IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
        )
        at = accumulator = 0
        code = self._code
        while True:
            opcode, true, false, k = code[at]
            at += 1
            if opcode == 0x15:
                at += true if accumulator == k else false
            elif opcode == 0x35:
                at += true if accumulator >= k else false
            elif opcode == 0x25:
                at += true if accumulator > k else false
            elif opcode == 0x20:
                accumulator = words[k >> 2]
            elif opcode == 0x06:
                return k
            elif opcode == 0x05:
                at += k
            elif opcode == 0x54:
                accumulator &= k
            elif opcode == 0x45:
                at += true if accumulator & k else false
            else:
                raise AssertionError(f"opcode {opcode:#x}")


@functools.cache
def numbers(abi: str) -> dict[str, int]:
    """name → number, from the kernel's headers; x32's without its bit."""
    for directory in _INCLUDE:
        if (directory / _HEADERS[abi]).exists():
            text = (directory / _HEADERS[abi]).read_text()
            found = re.findall(r"#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?", text)
            newer = {name: number for name, number in _NEWER.items() if abi != "x32" or name not in _NOT_X32}
            return newer | {name: int(number) for name, number in found}
    pytest.skip("needs the kernel's headers (linux-libc-dev)")


class Model:
    """What a profile in Docker's format means for a set of capabilities on x86_64."""

    def __init__(self, profile: dict[str, Any], capabilities: set[str], kernel: tuple[int, int]) -> None:
        self._rules: dict[str, list[dict[str, Any]]] = {}
        named = set()
        for rule in profile["syscalls"]:
            if not _applies(rule, capabilities, kernel):
                continue
            for name in rule["names"]:
                self._rules.setdefault(name, []).append(rule)
                named.add(name)
        self._names = {abi: {number: name for name, number in numbers(abi).items()} for abi in AUDIT}
        self._newest = {abi: max(numbers(abi).get(name, 0) for name in named) for abi in AUDIT}

    def __call__(self, abi: str, number: int, arguments: Sequence[int]) -> int:
        """runc adds: what is newer than everything the profile names does not exist."""
        if number > self._newest[abi]:
            return ENOSYS
        for rule in self._rules.get(self._names[abi].get(number, ""), ()):
            if all(_holds(test, arguments[test["index"]]) for test in rule.get("args") or ()):
                if rule["action"] == "SCMP_ACT_ALLOW":
                    return ALLOW
                return 0x50000 | int(rule.get("errnoRet", 1))
        return EPERM


def _applies(rule: dict[str, Any], capabilities: set[str], kernel: tuple[int, int]) -> bool:
    """profiles/seccomp/seccomp_linux.go of moby, for "amd64"."""
    without, needs = rule.get("excludes") or {}, rule.get("includes") or {}
    if "amd64" in (without.get("arches") or ()) or capabilities & set(without.get("caps") or ()):
        return False
    if needs.get("arches") and "amd64" not in needs["arches"]:
        return False
    if not set(needs.get("caps") or ()) <= capabilities:
        return False
    least = needs.get("minKernel")
    return not least or tuple(int(part) for part in least.split(".")) <= kernel


def _holds(test: dict[str, Any], value: int) -> bool:
    wanted, two = test.get("value", 0), test.get("valueTwo", 0)
    return {
        "SCMP_CMP_NE": value != wanted,
        "SCMP_CMP_LT": value < wanted,
        "SCMP_CMP_LE": value <= wanted,
        "SCMP_CMP_EQ": value == wanted,
        "SCMP_CMP_GE": value >= wanted,
        "SCMP_CMP_GT": value > wanted,
        "SCMP_CMP_MASKED_EQ": value & wanted == two,
    }[test["op"]]


def dockers() -> dict[str, Any]:
    """moby v28.5.2's own file where it lies beside the tree, else our data, which a unit test holds equal."""
    path = Path(__file__).resolve().parents[3] / "shared/data/docker-seccomp-default.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else seccomp_default.profile()
    return found
