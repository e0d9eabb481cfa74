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


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("ssh://me@far:22/run/x.sock", ("me", "far", "22", "/run/x.sock")),
        ("ssh://far", ("", "far", "", "")),
        ("ssh://far/", ("", "far", "", "")),
        ("ssh://me@[fe80::1]:2222", ("me", "fe80::1", "2222", "")),
    ],
)
def test_ssh(url: str, login: tuple[str, str, str, str]) -> None:
    found = hosts.parse(url).ssh
    assert found is not None
    assert (found.user, found.host, found.port, found.path) == login


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ssh://me:secret@far", "plain-text password is not supported"),
        ("ssh://far/x?y", 'query parameters are not allowed: "y"'),
        ("ssh://far/x#y", 'fragments are not allowed: "y"'),
        ("ssh://", "hostname is empty"),
        ("ssh://-oProxyCommand=x", "invalid host"),
        ("ssh://-l@far", "invalid host"),
        ("ssh://far:-p", "invalid host"),
    ],
)
def test_no_ssh(url: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=f"ssh host connection is not valid: invalid SSH URL: .*{why}"):
        hosts.parse(url)


def test_tls_has_a_port_of_its_own() -> None:
    assert hosts.parse("tcp://far", tls=True).port == 2376
    assert hosts.parse("tcp://far:1", tls=True).port == 1


@pytest.mark.parametrize("url", ["npipe:////./pipe/x", "fd://"])
def test_not_to_be_had(url: str) -> None:
    with pytest.raises(Unsupported, match="is not supported"):
        hosts.parse(url)


@pytest.mark.parametrize("url", ["ftp://a", "tcp://a:b", "tcp://a:70000"])
def test_wrong(url: str) -> None:
    with pytest.raises(InvalidArgument, match="unable to resolve docker endpoint"):
        hosts.parse(url)
