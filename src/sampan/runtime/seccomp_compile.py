"""Rules → one BPF program: libseccomp's, behind a prologue of ours.

The prologue answers what libseccomp cannot: system calls newer than the newest name of the profile get
ENOSYS instead of the default EPERM, so that C libraries fall back (as runc's patchbpf), and calls that the
profile names but this libseccomp is too old to know. From number 424 on all architectures agree.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from sampan.linux import libseccomp
from sampan.linux.libseccomp import ACTIONS, ARCHITECTURES, COMPARISONS, WITH_ERRNO, Comparison, Library
from sampan.oci.seccomp import Filter, Rule

_ENOSYS = 38
_X32_BIT = 0x40000000
_X86_64 = ARCHITECTURES["SCMP_ARCH_X86_64"]
_X32 = ARCHITECTURES["SCMP_ARCH_X32"]
_INSN = struct.Struct("=HBBI")  # struct sock_filter
_LOAD, _JEQ, _JGT, _JGE, _JA, _RET = 0x20, 0x15, 0x25, 0x35, 0x05, 0x06
_OFFSET_NR, _OFFSET_ARCH = 0, 4  # struct seccomp_data

# asm-generic/unistd.h: since Linux 6.5.
NEWER: dict[str, int] = {
    "set_mempolicy_home_node": 450,
    "cachestat": 451,
    "fchmodat2": 452,
    "map_shadow_stack": 453,
    "futex_wake": 454,
    "futex_wait": 455,
    "futex_requeue": 456,
    "statmount": 457,
    "listmount": 458,
    "lsm_get_self_attr": 459,
    "lsm_set_self_attr": 460,
    "lsm_list_modules": 461,
    "mseal": 462,
    "setxattrat": 463,
    "getxattrat": 464,
    "listxattrat": 465,
    "removexattrat": 466,
    "open_tree_attr": 467,
    "file_getattr": 468,
    "file_setattr": 469,
}


class Extra(NamedTuple):
    """A call that libseccomp does not know."""

    number: int
    action: int


def compile_filter(wanted: Filter) -> bytes:
    """Raises ValueError for what makes no sense, OSError from libseccomp."""
    library = Library()
    architectures = [_token(ARCHITECTURES, name) for name in wanted.architectures]
    default = action_of(wanted.default_action, wanted.default_errno)
    extras: list[Extra] = []
    with library.filter(default) as building:
        for architecture in architectures:
            building.add_architecture(architecture)
        for rule in wanted.rules:
            action = action_of(rule.action, rule.errno)
            if action != default:  # libseccomp refuses rules that change nothing
                extras += _add(library, building, rule, action, architectures[0])
        program = building.program()
    if wanted.default_action not in ("SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS"):
        return program
    names = {name for rule in wanted.rules for name in rule.names}
    newest = {architecture: _newest(library, architecture, names) for architecture in architectures}
    return prologue(newest, extras) + program


def action_of(action: str, errno: int) -> int:
    value = _token(ACTIONS, action)
    return value | (errno & 0xFFFF) if action in WITH_ERRNO else value


def prologue(newest: dict[int, int], extras: Iterable[Extra]) -> bytes:
    """`newest`: AUDIT_ARCH token → the highest number that the profile names there."""
    extras = list(extras)
    blocks = b""
    for architecture, highest in newest.items():
        if architecture == _X32:
            continue  # shares x86_64's token: see below
        body = _block(highest, extras, 0)
        if architecture == _X86_64:
            body = _split_x32(body, newest.get(_X32), extras)
        blocks += _insn(_LOAD, _OFFSET_ARCH) + _unless(architecture, body)
    return blocks


def _split_x32(native: bytes, highest: int | None, extras: list[Extra]) -> bytes:
    """Numbers with x32's bit go to their own checks, the others to the native ones."""
    x32 = _block(highest | _X32_BIT, extras, _X32_BIT) if highest is not None else b""
    native += _insn(_JA, len(x32) // 8)
    return _insn(_LOAD, _OFFSET_NR) + _skip_if(_JGE, _X32_BIT, native) + x32


def _block(highest: int, extras: list[Extra], bit: int) -> bytes:
    code = _insn(_LOAD, _OFFSET_NR)
    for extra in extras:
        code += _insn(_JEQ, extra.number | bit, 0, 1) + _insn(_RET, extra.action)
    return code + _insn(_JGT, highest, 0, 1) + _insn(_RET, ACTIONS["SCMP_ACT_ERRNO"] | _ENOSYS)


def _unless(architecture: int, body: bytes) -> bytes:
    """Run `body` if the accumulator is `architecture`, else skip it. Jumps reach 255; ja any length."""
    return _insn(_JEQ, architecture, 1, 0) + _insn(_JA, len(body) // 8) + body


def _skip_if(jump: int, value: int, body: bytes) -> bytes:
    return _insn(jump, value, 0, 1) + _insn(_JA, len(body) // 8) + body


def _insn(code: int, k: int, true: int = 0, false: int = 0) -> bytes:
    return _INSN.pack(code, true, false, k)


def _add(
    library: Library, building: libseccomp.Filter, rule: Rule, action: int, native: int
) -> Iterable[Extra]:
    comparisons = [
        Comparison(a.number, _token(COMPARISONS, a.operation), a.value, a.value_two) for a in rule.arguments
    ]
    # libseccomp takes one comparison per argument; runc makes several rules then.
    alone = len({c.argument for c in comparisons}) < len(comparisons)
    for name in rule.names:
        number = library.number(native, name)
        if number is not None:
            for group in [[c] for c in comparisons] if alone else [comparisons]:
                building.add(action, number, group)
        elif name in NEWER and not comparisons:
            yield Extra(NEWER[name], action)


def _newest(library: Library, architecture: int, names: Iterable[str]) -> int:
    highest = 0
    for name in names:
        number = library.number(architecture, name)
        if number is None:
            number = NEWER.get(name, 0)
        highest = max(highest, number & ~_X32_BIT if number > 0 else 0)
    return highest


def _token(table: dict[str, int], name: str) -> int:
    try:
        return table[name]
    except KeyError:
        raise ValueError(f"the seccomp profile has an unknown {name!r}") from None
