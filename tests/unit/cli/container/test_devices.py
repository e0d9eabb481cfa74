"""Values of the flags about devices."""

from typing import Any

import pytest

from sampan.cli.container import devices
from sampan.errors import InvalidArgument


def mapped(*texts: str) -> list[tuple[str, ...]]:
    found = devices.host_fields(texts, [])["Devices"]
    return [tuple(one.values()) for one in found]


def test_devices() -> None:
    assert mapped("/dev/a", "/dev/a:/dev/b", "/dev/a:r", "/dev/a:/dev/b:rw") == [
        ("/dev/a", "/dev/a", "rwm"),
        ("/dev/a", "/dev/b", "rwm"),
        ("/dev/a", "/dev/a", "r"),
        ("/dev/a", "/dev/b", "rw"),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/dev/a:/dev/b:z", "bad mode specified: z"),
        ("/dev/a:q", "q is not an absolute path"),
        ("a", "a is not an absolute path"),
        ("a:b:c:d", "bad format for path: a:b:c:d"),
        ("", "bad format for path: "),
    ],
)
def test_wrong_devices(text: str, error: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{error}$"):
        devices.host_fields([text], [])


def test_a_cdi_name_is_a_request() -> None:
    assert devices.host_fields(["vendor.com/gpu=0"], []) == {
        "DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["vendor.com/gpu=0"]}]
    }


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("all", {"Count": -1}),
        ("2", {"Count": 2}),
        ("driver=foo", {"Driver": "foo", "Count": 1}),
        ('"device=0,1"', {"DeviceIDs": ["0", "1"]}),
        ('"capabilities=a,b"', {"Count": 1, "Capabilities": [["a", "b", "gpu"]]}),
        ("options=a=b", {"Count": 1, "Options": {"a": "b"}}),
    ],
)
def test_gpus(text: str, fields: dict[str, Any]) -> None:
    nothing = {"Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
    assert devices.parse_gpus(text) == nothing | fields


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x=y", "unexpected key 'x' in 'x=y'"),
        ("x", 'invalid count (x): value must be either "all" or an integer: invalid syntax'),
        ("driver=a,driver=b", "gpu request key 'driver' can be specified only once"),
    ],
)
def test_wrong_gpus(text: str, error: str) -> None:
    with pytest.raises(ValueError) as raised:
        devices.parse_gpus(text)
    assert str(raised.value) == error


@pytest.mark.parametrize("text", ["c 1:3 rwm", "b 8:* r", "a *:* m", "c *:7 wm"])
def test_rules(text: str) -> None:
    assert devices.check_rule(text) == text


@pytest.mark.parametrize(
    "text", ["", "x", "c 1:3", "c 1:3 x", "d 1:3 rwm", "c 1 rwm", "c 1:3 rwmr", "c  1:3 r"]
)
def test_wrong_rules(text: str) -> None:
    with pytest.raises(ValueError, match="invalid device cgroup format"):
        devices.check_rule(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/dev/a", "bad format: /dev/a"),
        ("a:10", "bad format for device path: a:10"),
        ("/dev/a:9", "invalid weight for device: /dev/a:9"),
        ("/dev/a:x", "invalid weight for device: /dev/a:x"),
    ],
)
def test_wrong_weights(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}$"):
        devices.parse_weight(text)


def test_rates() -> None:
    assert devices.parse_bytes_rate("/dev/a:2kb") == {"Path": "/dev/a", "Rate": 2048}
    assert devices.parse_count_rate("/dev/a:2") == {"Path": "/dev/a", "Rate": 2}
    for text in ("/dev/a:x", "/dev/a:-1"):
        with pytest.raises(ValueError, match="Unit is optional"):
            devices.parse_bytes_rate(text)
    with pytest.raises(ValueError, match="Number must be a positive integer"):
        devices.parse_count_rate("/dev/a:1k")


@pytest.mark.parametrize("text", ["a", "a:b", "a:", ":"])
def test_links(text: str) -> None:
    assert devices.check_link(text) == text


@pytest.mark.parametrize(
    ("text", "error"), [("", "empty string specified for links"), ("a:b:c", "bad format")]
)
def test_wrong_links(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        devices.check_link(text)
