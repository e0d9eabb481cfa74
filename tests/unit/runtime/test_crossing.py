"""When an exec becomes what it shall be before it is seen, and when it cannot."""

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


def test_a_limit_of_processes_does_not() -> None:
    assert not crossing.can_become_first(_command(None, {"type": "RLIMIT_NPROC", "soft": 1, "hard": 1}))
    assert crossing.can_become_first(_command(None, {"type": "RLIMIT_NOFILE", "soft": 9, "hard": 9}))


def test_the_filter_is_asked_with_the_argument() -> None:
    program = _filter(seccomp_default.profile())
    assert seccomp.allows(program, "clone", 17)
    assert not seccomp.allows(program, "clone", CLONE_NEWUSER)
    assert not seccomp.allows(b"", "clone")
