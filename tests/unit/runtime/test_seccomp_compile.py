"""The compiled filter, run by a small interpreter, against a model that reads the rules directly."""

import struct
from collections.abc import Sequence

import pytest

from sampan.linux import libseccomp
from sampan.linux.libseccomp import ACTIONS, ARCHITECTURES
from sampan.oci import runtime, seccomp, seccomp_default
from sampan.runtime.seccomp_compile import NEWER, Extra, action_of, compile_filter, prologue

try:
    LIBRARY: libseccomp.Library | None = libseccomp.Library()
except OSError:
    LIBRARY = None
needs_library = pytest.mark.skipif(LIBRARY is None, reason="needs libseccomp.so.2")

ALLOW, ENOSYS, EPERM = 0x7FFF0000, 0x50000 | 38, 0x50000 | 1
X86_64, X86 = ARCHITECTURES["SCMP_ARCH_X86_64"], ARCHITECTURES["SCMP_ARCH_X86"]
X32_BIT = 0x40000000


def run(program: bytes, number: int, architecture: int, arguments: Sequence[int] = ()) -> int:
    """Classic BPF over struct seccomp_data (Documentation/networking/filter.rst)."""
    full = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *full)
    code = [struct.unpack_from("=HBBI", program, i) for i in range(0, len(program), 8)]
    at = accumulator = 0
    while True:
        opcode, true, false, k = code[at]
        at += 1
        if opcode == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif opcode == 0x54:
            accumulator &= k
        elif opcode == 0x05:
            at += k
        elif opcode in (0x15, 0x25, 0x35, 0x45):
            holds = {
                0x15: accumulator == k,
                0x25: accumulator > k,
                0x35: accumulator >= k,
                0x45: accumulator & k,
            }
            at += true if holds[opcode] else false
        elif opcode == 0x06:
            return k
        else:
            raise AssertionError(f"opcode {opcode:#x}")


def model(resolved: seccomp.Filter, architecture: int, number: int, arguments: Sequence[int]) -> int:
    """What the rules mean. Arguments are compared as 64 bits, unsigned."""
    assert LIBRARY is not None
    highest = 0
    matched: list[int] = []
    for rule in resolved.rules:
        for name in rule.names:
            found = LIBRARY.number(architecture, name)
            found = NEWER.get(name) if found is None else found
            if found is None or found < 0:
                continue
            highest = max(highest, found)
            if found == number and all(_holds(a, arguments[a.number]) for a in rule.arguments):
                matched.append(action_of(rule.action, rule.errno))
    if number > highest:
        return ENOSYS
    return matched[0] if matched else EPERM


def _holds(argument: seccomp.Argument, value: int) -> bool:
    wanted = argument.value
    match argument.operation:
        case "SCMP_CMP_EQ":
            return value == wanted
        case "SCMP_CMP_LT":
            return value < wanted
        case "SCMP_CMP_GT":
            return value > wanted
        case "SCMP_CMP_MASKED_EQ":
            return value & wanted == argument.value_two
    raise AssertionError(argument.operation)


INTERESTING = (
    0,
    8,
    37,
    38,
    39,
    40,
    41,
    0x20000,
    0x20008,
    0x7E020000,
    0x10000000,
    0xFFFFFFFF,
    1 << 32,
    (1 << 32) | 40,
    2**64 - 1,
)


@needs_library
@pytest.mark.parametrize("more", [[], ["CAP_SYS_ADMIN"], ["CAP_SYS_PTRACE", "CAP_BPF"]], ids=str)
def test_the_program_means_what_the_rules_say(more: list[str]) -> None:
    capabilities = [*runtime.CAPABILITIES, *more]
    resolved = seccomp.resolve(seccomp_default.profile(), capabilities, "x86_64", (6, 1))
    program = compile_filter(resolved)
    for number in range(520):
        for first in INTERESTING if number in (41, 56, 135) else (0,):
            assert run(program, number, X86_64, [first]) == model(resolved, X86_64, number, [first, *[0] * 5])


@needs_library
def test_sockets_clone_and_the_new_ones() -> None:
    resolved = seccomp.resolve(seccomp_default.profile(), runtime.CAPABILITIES, "x86_64", (6, 1))
    program = compile_filter(resolved)
    assert run(program, 41, X86_64, [2]) == ALLOW
    assert run(program, 41, X86_64, [38]) == EPERM  # AF_ALG
    assert run(program, 41, X86_64, [40]) == EPERM  # AF_VSOCK
    assert run(program, 435, X86_64) == ENOSYS  # clone3
    assert run(program, 462, X86_64) == ALLOW  # mseal: newer than libseccomp 2.5.4
    assert run(program, 462 | X32_BIT, X86_64) == ALLOW
    assert run(program, 900, X86_64) == ENOSYS
    assert run(program, 900 | X32_BIT, X86_64) == ENOSYS
    assert run(program, 900, X86) == ENOSYS
    assert run(program, 462, X86) == ALLOW
    assert run(program, 21, X86) == EPERM  # mount of i386
    assert run(program, 1, X86) == ALLOW
    assert run(program, 41 | X32_BIT, X86_64, [2]) == ALLOW
    assert run(program, 41 | X32_BIT, X86_64, [38]) == EPERM


def test_an_unknown_architecture_gets_no_answer_from_the_prologue() -> None:
    tail = struct.pack("=HBBI", 0x06, 0, 0, 7)
    program = prologue({X86_64: 400, X86: 300}, [Extra(350, ALLOW)]) + tail
    assert run(program, 500, 0xC00000B7) == 7
    assert run(program, 350, X86_64) == ALLOW
    assert run(program, 301, X86) == ENOSYS
    assert run(program, 300, X86) == 7
    assert run(program, 400, X86_64) == 7


def test_names_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValueError, match="SCMP_ACT_MAYBE"):
        action_of("SCMP_ACT_MAYBE", 1)
    assert action_of("SCMP_ACT_ERRNO", 38) == ACTIONS["SCMP_ACT_ERRNO"] | 38
