"""When an exec becomes what it shall be before it is seen, and when it cannot."""

import resource
from typing import Any

import pytest

from sampan.linux import libseccomp, seccomp
from sampan.linux.process import CLONE_NEWUSER
from sampan.oci import runtime, seccomp_default
from sampan.oci.seccomp import resolve
from sampan.runtime import command, crossing
from sampan.runtime.seccomp_compile import compile_filter

try:
    libseccomp.Library()
except OSError:
    pytest.skip("needs libseccomp.so.2", allow_module_level=True)


def _filter(profile: dict[str, Any]) -> bytes:
    return compile_filter(resolve(profile, runtime.CAPABILITIES, "x86_64", (6, 1)))


def _command(program: bytes | None, *rlimits: dict[str, Any]) -> command.Command:
    return command.parse({"args": ["true"], "rlimits": list(rlimits)}, program)


def test_the_default_filter_lets_it() -> None:
    assert crossing.can_become_first(_command(_filter(seccomp_default.profile())))
    assert crossing.can_become_first(_command(None))


@pytest.mark.parametrize("name", ["clone", "setsid", "ioctl", "sendmsg", "sendto"])
def test_a_filter_that_forbids_one_call_does_not(name: str) -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": [name], "action": "SCMP_ACT_ERRNO"}],
    }
    assert not crossing.can_become_first(_command(_filter(profile)))


def _limited(soft: int, hard: int) -> command.Command:
    return _command(None, {"type": "RLIMIT_NPROC", "soft": soft, "hard": hard})


def test_a_limit_of_processes_is_two_higher_for_the_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (50, 100))
    assert crossing.can_become_first(_limited(1, 1))
    assert crossing.can_become_first(_limited(98, 98))
    room = {
        (1, 1): (3, 3),
        (1, 9): (3, 9),
        (8, 9): (10, 10),
        (1, -1): (3, -1),
        (-1, -1): (-1, -1),
    }
    for limits, wanted in room.items():
        (limit,) = crossing.with_room(_limited(*limits)).rlimits
        assert (limit.soft, limit.hard) == wanted
    other = _command(None, {"type": "RLIMIT_NOFILE", "soft": 9, "hard": 9})
    assert crossing.with_room(other) == other


@pytest.mark.parametrize(("soft", "hard"), [(99, 99), (100, 100), (5, -1), (200, 200)])
def test_a_limit_above_our_own_cannot_be_lowered_later(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int
) -> None:
    """Raising needs CAP_SYS_RESOURCE, which is gone by then."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (50, 100))
    assert not crossing.can_become_first(_limited(soft, hard))


def test_a_limit_of_processes_needs_one_call_more() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["prlimit64"], "action": "SCMP_ACT_ERRNO"}],
    }
    program = _filter(profile)
    limit = {"type": "RLIMIT_NPROC", "soft": 1, "hard": 1}
    assert crossing.can_become_first(_command(program))
    assert not crossing.can_become_first(_command(program, limit))


def test_the_filter_is_asked_with_the_argument() -> None:
    program = _filter(seccomp_default.profile())
    assert seccomp.allows(program, "clone", 17)
    assert not seccomp.allows(program, "clone", CLONE_NEWUSER)
    assert not seccomp.allows(b"", "clone")
