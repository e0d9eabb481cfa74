"""moby's rules (oci/caps/utils_test.go)."""

import pytest

from sampan.engine.containers.capabilities import available, effective, normalize
from sampan.errors import InvalidArgument
from sampan.oci.runtime import CAPABILITIES

_DEFAULT = list(CAPABILITIES)


def _without(*names: str) -> list[str]:
    return [name for name in _DEFAULT if name not in names]


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        ([], [], _DEFAULT),
        (["NET_ADMIN"], [], [*_DEFAULT, "CAP_NET_ADMIN"]),
        (["cap_net_admin"], [], [*_DEFAULT, "CAP_NET_ADMIN"]),
        (["CHOWN"], [], _DEFAULT),
        ([], ["chown"], _without("CAP_CHOWN")),
        ([], ["ALL"], []),
        (["CHOWN", "KILL"], ["all"], ["CAP_CHOWN", "CAP_KILL"]),
        (["CHOWN"], ["CHOWN"], [*_without("CAP_CHOWN"), "CAP_CHOWN"]),
    ],
)
def test_effective(add: list[str], drop: list[str], expected: list[str]) -> None:
    assert effective(add, drop, privileged=False) == expected


def test_all() -> None:
    assert effective(["ALL"], [], privileged=False) == list(available())
    assert effective(["all"], ["SYS_ADMIN"], privileged=False) == [
        name for name in available() if name != "CAP_SYS_ADMIN"
    ]
    assert effective([], ["ALL"], privileged=True) == list(available())


@pytest.mark.parametrize("name", ["BOGUS", "CAP_BOGUS", "", "CAP_", "CHOWN "])
def test_unknown(name: str) -> None:
    with pytest.raises(InvalidArgument, match="unknown capability"):
        normalize([name])
