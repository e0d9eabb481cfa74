"""The `process` of a spec."""

import resource

import pytest

from sampan.runtime import command
from sampan.runtime.failure import OciError


def test_defaults() -> None:
    parsed = command.parse({"args": ["true"]}, None)
    assert (parsed.cwd, parsed.umask, parsed.username, parsed.uid) == ("/", 0o022, None, 0)
    assert parsed.capabilities == command.Capabilities(0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "process",
    [
        {},
        {"args": []},
        {"args": ["x"], "cwd": "tmp"},
        {"args": ["x\0y"]},
        {"args": ["x"], "env": ["A=\0"]},
        {"args": ["x"], "capabilities": {"bounding": ["CAP_NONE"]}},
        {"args": ["x"], "rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]},
    ],
)
def test_what_makes_no_sense_is_refused(process: dict[str, object]) -> None:
    with pytest.raises(OciError) as caught:
        command.parse(process, None)
    assert caught.value.kind == "InvalidArgument"


def test_infinity() -> None:
    rlimits = [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 2**64 - 1}]
    (limit,) = command.parse({"args": ["x"], "rlimits": rlimits}, None).rlimits
    assert (limit.soft, limit.hard) == (10, resource.RLIM_INFINITY)


def test_the_last_variable_of_a_name_counts() -> None:
    assert command.variable(["A=1", "B=2", "A=3"], "A") == "3"
    assert command.variable(["AB=1"], "A") is None
