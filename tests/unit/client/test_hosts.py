"""Where a daemon listens."""

import pytest

from sampan.client import hosts
from sampan.errors import InvalidArgument, Unsupported


def test_unix() -> None:
    assert hosts.parse("unix:///run/x.sock").path == "/run/x.sock"
    assert hosts.parse("unix://").path == "/var/run/docker.sock"


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("tcp://127.0.0.1:80", "127.0.0.1", 80),
        ("tcp://host", "host", 2375),
        ("host:99", "host", 99),
        ("tcp://:99", "localhost", 99),
        ("tcp://[::1]:99", "::1", 99),
        ("tcp://[::1]", "::1", 2375),
    ],
)
def test_tcp(url: str, address: str, port: int) -> None:
    host = hosts.parse(url)
    assert (host.address, host.port, host.path) == (address, port, "")


@pytest.mark.parametrize("url", ["ssh://host", "npipe:////./pipe/x", "fd://"])
def test_not_to_be_had(url: str) -> None:
    with pytest.raises(Unsupported, match="is not supported"):
        hosts.parse(url)


@pytest.mark.parametrize("url", ["ftp://a", "tcp://a:b", "tcp://a:70000"])
def test_wrong(url: str) -> None:
    with pytest.raises(InvalidArgument, match="unable to resolve docker endpoint"):
        hosts.parse(url)
