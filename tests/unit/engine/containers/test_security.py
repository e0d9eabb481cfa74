"""--security-opt on the daemon's side."""

import pytest

from sampan.engine.containers import security
from sampan.engine.containers.config import HostConfig
from sampan.errors import InvalidArgument


def host(*options: str) -> HostConfig:
    return HostConfig(security_opt=list(options))


def test_a_profile_keeps_its_colons() -> None:
    assert security.options(host('seccomp={"a":"b=c"}', "label:disable")) == [
        ("seccomp", '{"a":"b=c"}'),
        ("label", "disable"),
    ]


@pytest.mark.parametrize(
    ("options", "on"),
    [
        ((), False),
        (("no-new-privileges",), True),
        (("no-new-privileges:true",), True),
        (("no-new-privileges=1",), True),
        (("no-new-privileges", "no-new-privileges=false"), False),
    ],
)
def test_switches(options: tuple[str, ...], on: bool) -> None:
    security.check(host(*options))
    assert security.no_new_privileges(host(*options)) is on


@pytest.mark.parametrize(
    ("option", "number"),
    [
        ("foo", 1),
        ("seccomp", 1),
        ("foo=bar", 2),
        ("no-new-privileges:x", 2),
        ("writable-cgroups=x", 2),
        ("systempaths=x", 2),
    ],
)
def test_wrong(option: str, number: int) -> None:
    with pytest.raises(InvalidArgument) as error:
        security.check(host(option))
    assert str(error.value) == f'invalid --security-opt {number}: "{option}"'
