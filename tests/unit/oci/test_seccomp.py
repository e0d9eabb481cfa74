"""The default profile against moby's own, and Docker's rules for what applies."""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.oci import runtime, seccomp, seccomp_default

DOCKERS = Path(__file__).resolve().parents[4] / "shared/data/docker-seccomp-default.json"
EXTRA = (
    "CAP_SYS_ADMIN",
    "CAP_SYS_PTRACE",
    "CAP_SYS_BOOT",
    "CAP_SYS_MODULE",
    "CAP_SYS_NICE",
    "CAP_SYS_TIME",
    "CAP_SYSLOG",
    "CAP_BPF",
    "CAP_PERFMON",
    "CAP_DAC_READ_SEARCH",
    "CAP_SYS_RAWIO",
    "CAP_SYS_PACCT",
    "CAP_SYS_TTY_CONFIG",
)
SETS: list[list[str]] = [
    [],
    list(runtime.CAPABILITIES),
    *([*runtime.CAPABILITIES, name] for name in EXTRA),
]


def _flat(profile: dict[str, Any], capabilities: list[str], machine: str, kernel: tuple[int, int]) -> Any:
    resolved = seccomp.resolve(profile, capabilities, machine, kernel)
    rules = {
        (name, rule.action, rule.errno, rule.arguments)
        for rule in resolved.rules
        for name in rule.names
        if name != "socket"  # stricter, see below
    }
    return resolved.default_action, resolved.default_errno, resolved.architectures, rules


@pytest.mark.skipif(not DOCKERS.exists(), reason="moby's profile is not here")
@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv64", "s390x", "ppc64le"])
@pytest.mark.parametrize("capabilities", SETS, ids=lambda names: names[-1] if names else "none")
def test_it_is_dockers(machine: str, capabilities: list[str]) -> None:
    theirs = json.loads(DOCKERS.read_text())
    for kernel in ((4, 4), (6, 1), (6, 18)):
        mine = _flat(seccomp_default.profile(), capabilities, machine, kernel)
        assert mine == _flat(theirs, capabilities, machine, kernel)


def test_sockets_but_no_vsock_and_no_alg() -> None:
    resolved = seccomp.resolve(seccomp_default.profile(), [], "x86_64", (6, 1))
    rules = [rule.arguments[0] for rule in resolved.rules if rule.names == ("socket",)]
    assert {rule.operation for rule in rules} == {"SCMP_CMP_MASKED_EQ"}

    def allowed(family: int) -> bool:
        return any(family & rule.value == rule.value_two for rule in rules)

    assert {family for family in range(64) if not allowed(family)} == {38, 40}
    # The kernel looks at an int only: what stands above it makes no other family of it.
    assert {family for family in range(64) if not allowed(1 << 32 | family)} == {38, 40}
    assert not allowed(1 << 31 | 38)


def test_excludes_come_first() -> None:
    entry = {
        "names": ["x"],
        "action": "SCMP_ACT_ALLOW",
        "includes": {"caps": ["CAP_A"]},
        "excludes": {"caps": ["CAP_B"]},
    }
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [entry]}
    assert len(seccomp.resolve(profile, ["CAP_A"], "x86_64", (6, 1)).rules) == 1
    assert len(seccomp.resolve(profile, ["CAP_A", "CAP_B"], "x86_64", (6, 1)).rules) == 0


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86"],
            "archMap": [{"architecture": "x"}],
        },
    ],
)
def test_nonsense_is_refused(profile: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="seccomp profile"):
        seccomp.resolve(profile, [], "x86_64", (6, 1))


def test_a_filter_as_the_runtime_spec_writes_it() -> None:
    arguments = (seccomp.Argument(1, "SCMP_CMP_EQ", 5, 0),)
    rules = (
        seccomp.Rule(("read",), "SCMP_ACT_ALLOW", 1, ()),
        seccomp.Rule(("clone3",), "SCMP_ACT_ERRNO", 38, arguments),
    )
    document = seccomp.document(seccomp.Filter("SCMP_ACT_ERRNO", 1, ("SCMP_ARCH_X86_64",), (), rules))
    assert document == {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
            {
                "names": ["clone3"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 38,
                "args": [{"index": 1, "value": 5, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
            },
        ],
    }
