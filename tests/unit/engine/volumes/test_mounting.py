"""Options of the local volume driver."""

import pytest

from sampan.engine.volumes import mounting
from sampan.errors import InvalidArgument
from sampan.linux import mount


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"a": ""}, 'create v: invalid option: "a"'),
        ({"device": "/dev/x"}, 'create v: missing required option: "type"'),
        ({"type": "nfs"}, 'create v: missing required option: "device"'),
        ({"o": "ro"}, 'create v: missing required option: "device"'),
        ({"size": "1x"}, "invalid size: '1x'"),
        ({"size": "10k"}, "invalid size: '10k': at least 1m and at most 16t can be had"),
        ({"uid": "me"}, "create v: invalid option: uid=me is no ID"),
        (
            {"size": "1g", "type": "tmpfs", "device": "tmpfs"},
            'create v: size is not for a volume that has a device: give it in "o"',
        ),
    ],
)
def test_wrong_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        mounting.check_options("v", options)
    assert str(error.value) == message


def test_right_options() -> None:
    mounting.check_options("v", {})
    mounting.check_options("v", {"type": "none", "o": "bind", "device": "/x"})


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", (0, "")),
        ("bind", (mount.MS_BIND, "")),
        ("rbind,ro", (mount.MS_BIND | mount.MS_REC | mount.MS_RDONLY, "")),
        ("ro,rw,size=1m,uid=5", (0, "size=1m,uid=5")),
        ("addr=1.2.3.4,nosuid", (mount.MS_NOSUID, "addr=1.2.3.4")),
    ],
)
def test_flags(text: str, parsed: tuple[int, str]) -> None:
    assert mounting.parse(text) == parsed
