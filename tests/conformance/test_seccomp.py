"""The seccomp filter of a container as the kernel has it, against a model of Docker 28's profile: every
number of three ABIs, with the arguments that the profile looks at; and a prober that makes them for real.

Stricter than Docker 28 in one: socket(2). AF_ALG is refused (CVE-2026-31431), as by Docker since 29.4.2; the
family is what the kernel takes for it, an int, where Docker compares 64 bits. Neither has
socketcall(2) of i386 refused: the family is behind a pointer, and Docker took back that it refused all of it,
because 32-bit programs need it (moby#52547).
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.attacks import rounds
from harness.clients import Client, ours, stock
from harness.daemon import Daemon
from harness.filters import ALLOW, AUDIT, ENOSYS, EPERM, X32_BIT, Model, Program, dockers, loaded, numbers
from harness.looking import fresh, inspect
from harness.probes import mounted
from harness.reference import Reference
from sampan.linux import capability
from sampan.oci import runtime

_AF_ALG, _AF_VSOCK, _FAMILIES = 38, 40, 64
_WORD = 2**64 - 1
BOUNDARIES = (
    *(
        0,
        1,
        2,
        8,
        17,
        37,
        38,
        39,
        40,
        41,
        44,
        0x20000,
        0x20008,
        0x10000000,
        0x7E020000,
        0x02000000,
        0x40000000,
    ),
    *(0x1200011, 0x3D0F00, 0xFFFFFFFF, 1 << 32, 1 << 32 | 38, 1 << 32 | 8, 0x7E020000 << 1, _WORD - 1, _WORD),
)
_LOOKED_AT = ("socket", "personality", "clone", "clone3", "socketcall", "unshare", "setns", "ptrace", "bpf")
ADDED = (
    *("SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_TIME", "SYS_NICE", "SYS_RAWIO", "SYS_BOOT", "SYS_PACCT"),
    *("SYS_TTY_CONFIG", "SYSLOG", "DAC_READ_SEARCH", "BPF", "PERFMON"),
)
SETS: dict[str, tuple[list[str], set[str]]] = {
    "defaults": ([], set(runtime.CAPABILITIES)),
    "none": (["--cap-drop", "ALL"], set()),
    **{
        name: (["--cap-add", name], {*runtime.CAPABILITIES, f"CAP_{name}"})
        for name in ADDED
        if capability.mask([f"CAP_{name}"])
        & int(
            next(
                line
                for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("CapBnd")
            ).split()[1],
            16,
        )
    },
}


# uretprobe and uprobe, which the kernel calls from trampolines of its own and lets past every filter
# (kernel/seccomp.c, seccomp_uprobe_exception; Linux 6.14).
_TRAMPOLINES = (335, 336)


class Call(NamedTuple):
    abi: str
    number: int
    arguments: tuple[int, ...]


@pytest.fixture
def engine(server: Daemon | Reference) -> Client:
    return (ours if isinstance(server, Daemon) else stock)(server.environment())


def _kernel() -> tuple[int, int]:
    major, minor = Path("/proc/sys/kernel/osrelease").read_text().split("-")[0].split(".")[:2]
    return int(major), int(minor)


def filter_of(engine: Client, flags: list[str]) -> bytes:
    name = fresh()
    done = engine("run", "-d", "--name", name, *flags, "busybox", "sleep", "1000", check=False)
    if "unknown capability" in done.err:
        pytest.skip("this engine is older than the capability")
    assert done.code == 0, done
    try:
        return loaded(inspect(engine, name)["State"]["Pid"])
    finally:
        engine("rm", "-f", name)


def calls() -> Iterator[Call]:
    for abi in AUDIT:
        for number in range(1024):
            yield Call(abi, number, (0,) * 6)
        for name in _LOOKED_AT:
            if (number := numbers(abi).get(name, -1)) >= 0:
                yield from (Call(abi, number, (value, *[0] * 5)) for value in BOUNDARIES)
    chance = random.Random(14)
    for _ in rounds(2000):
        abi = chance.choice(tuple(AUDIT))
        number = chance.choice((chance.randrange(1024), chance.choice(tuple(numbers(abi).values()))))
        yield Call(abi, number, tuple(chance.choice((*BOUNDARIES, chance.getrandbits(64))) for _ in range(6)))


def differences(program: Program, model: Model) -> dict[tuple[str, str], set[str]]:
    """(what it is, what Docker 28 has) → the calls."""
    found: dict[tuple[str, str], set[str]] = {}
    names = {abi: {number: name for name, number in numbers(abi).items()} for abi in AUDIT}
    for abi, number, arguments in calls():
        wanted = model(abi, number, arguments)
        seen = program(number | (X32_BIT if abi == "x32" else 0), AUDIT[abi], arguments)
        name = names[abi].get(number, "")
        if seen != wanted and not _explained(name, arguments, wide=abi == "x86_64"):
            found.setdefault((_word(seen), _word(wanted)), set()).add(
                f"{abi} {names[abi].get(number, number)}"
            )
    return found


def _explained(name: str, arguments: tuple[int, ...], *, wide: bool) -> bool:
    """`socket`: stricter, see above. `personality`: of a 32-bit program only 32 bits are compared."""
    if name == "socket":
        family = arguments[0] & 0xFFFFFFFF
        return family in (_AF_ALG, _AF_VSOCK) or family > _FAMILIES or arguments[0] != family
    return name == "personality" and not wide and arguments[0] > 0xFFFFFFFF


def _word(verdict: int) -> str:
    known = {ALLOW: "allowed", EPERM: "EPERM", ENOSYS: "ENOSYS"}
    return known.get(verdict, hex(verdict))


@pytest.mark.parametrize("name", SETS)
def test_the_loaded_filter_is_dockers(engine: Client, server: Daemon | Reference, name: str) -> None:
    flags, capabilities = SETS[name]
    found = differences(Program(filter_of(engine, flags)), Model(dockers(), capabilities, _kernel()))
    for (seen, wanted), which in sorted(found.items()):
        print(f"{name}: {seen}, Docker 28: {wanted}: {', '.join(sorted(which))}")
    if isinstance(server, Reference) and server.major < 28:
        # An older profile knows fewer calls, and answers EPERM or ENOSYS for them; it may not answer more.
        assert not [pair for pair in found if pair[0] == "allowed" and found[pair] - _THEN_ALLOWED]
    else:
        assert found == {}


# Allowed by 20.10's profile and no longer by 28's; x32's 453 by 26.1 with libseccomp 2.6, which gives that
# ABI map_shadow_stack(2), too: the kernel has it for 64 bits alone (syscall_64.tbl), and answers ENOSYS.
_RINGS = ("io_uring_setup", "io_uring_enter", "io_uring_register")
_THEN_ALLOWED = {"x32 453", *(f"{abi} {name}" for abi in AUDIT for name in ("socket", *_RINGS))}


@pytest.mark.ours("Docker 28 lets AF_ALG through")
@pytest.mark.parametrize("above", [0, 1 << 32, 1 << 63, 1 << 40 | 1 << 33], ids=hex)
def test_the_family_of_a_socket_is_what_the_kernel_takes_for_it(engine: Client, above: int) -> None:
    program = Program(filter_of(engine, []))
    for abi in AUDIT:
        number = numbers(abi)["socket"] | (X32_BIT if abi == "x32" else 0)
        refused = {f for f in range(46) if program(number, AUDIT[abi], (above | f,)) != ALLOW}
        assert refused == {_AF_ALG, _AF_VSOCK}


def test_unconfined_and_privileged_have_none(engine: Client) -> None:
    for flags in (["--security-opt", "seccomp=unconfined"], ["--privileged"]):
        done = engine("run", "--rm", *flags, "busybox", "grep", "Seccomp:", "/proc/self/status", check=False)
        if done.code == 125 and "unable to apply caps" in done.err:
            continue  # an old runc on a machine that lacks a capability
        assert done.out.split() == ["Seccomp:", "0"]


@pytest.mark.parametrize("abi", AUDIT)
def test_every_call_for_real(engine: Client, server: Daemon | Reference, abi: str) -> None:
    """Refused exactly where the filter says so, and otherwise as the kernel answers without a filter."""
    program = Program(filter_of(engine, []))
    confined, free = (_probe(engine, abi, flags) for flags in ([], ["--security-opt", "seccomp=unconfined"]))
    minus = 0xFFFFFFFF if abi == "i386" else _WORD
    wrong = {}
    for number, answer in confined.items():
        verdict = program(number | (X32_BIT if abi == "x32" else 0), AUDIT[abi], (minus,) * 6)
        wanted = free[number] if verdict == ALLOW else str(verdict & 0xFFFF)
        if answer != wanted and "hangs" not in (answer, free[number]) and number not in _TRAMPOLINES:
            wrong[number] = (answer, wanted)
    assert wrong == {}
    assert len(confined) == 480


def _probe(engine: Client, abi: str, flags: list[str]) -> dict[int, str]:
    done = engine(
        "run", "--rm", *flags, *mounted("syscalls"), "busybox", "/syscalls", abi, "0", "479", timeout=120
    )
    return {int(line.split(" ", 1)[0]): line.split(" ", 1)[1] for line in done.out.splitlines()}
