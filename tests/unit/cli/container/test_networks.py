"""`--network`."""

import pytest

from sampan.cli.container.networks import modes, parse_network
from sampan.errors import InvalidArgument


def test_plain() -> None:
    assert modes([parse_network("host")]) == ("host", {})
    assert modes([]) == ("", {})
    assert modes([parse_network("container:x")]) == ("container:x", {})


def test_long_form() -> None:
    network = parse_network("name=n,alias=a,alias=b,ip=1.2.3.4,mac-address=02:00:00:00:00:01,driver-opt=x=y")
    endpoint = {
        "Aliases": ["a", "b"],
        "IPAMConfig": {"IPv4Address": "1.2.3.4"},
        "MacAddress": "02:00:00:00:00:01",
        "DriverOpts": {"x": "y"},
    }
    assert modes([network]) == ("n", {"n": endpoint})


def test_several() -> None:
    assert modes([parse_network("a"), parse_network("b")]) == ("a", {"a": {}, "b": {}})
    with pytest.raises(InvalidArgument, match="conflicting options"):
        modes([parse_network("a"), parse_network("host")])
    with pytest.raises(InvalidArgument, match="specified multiple times"):
        modes([parse_network("a"), parse_network("a")])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a=b", "invalid field key a"),
        ("alias=b", "network name/id is not specified"),
        ("name=a,b", "invalid field b"),
    ],
)
def test_errors(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}$"):
        parse_network(text)
