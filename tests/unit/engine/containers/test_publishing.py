"""What -p and -P ask for, and what of it is refused."""

import pytest

from sampan.engine.containers import publishing
from sampan.engine.containers.config import Config, HostConfig, PortBinding
from sampan.errors import InvalidArgument


def host(port: str, *, host_ip: str = "", host_port: str = "", all_ports: bool = False) -> HostConfig:
    return HostConfig(
        port_bindings={port: [PortBinding(host_ip=host_ip, host_port=host_port)]}, publish_all_ports=all_ports
    )


def test_exposed_ports_follow_what_was_asked_for() -> None:
    config = Config(exposed_ports={"80/tcp": {}, "53/udp": {}})
    found = publishing.bindings(config, host("80/tcp", host_port="8080", all_ports=True))
    assert [(one.container_port, one.protocol, one.host_port) for one in found] == [
        (80, "tcp", 8080),
        (53, "udp", 0),
    ]


@pytest.mark.parametrize(
    ("port", "address", "on_host"),
    [
        ("80/tcp", "", "99999"),
        ("80/foo", "", "1"),
        ("80/tcp", "zz", "1"),
        ("x/tcp", "", ""),
        ("80/tcp", "", "9-1"),
    ],
)
def test_refused_before_anything_is_made(port: str, address: str, on_host: str) -> None:
    with pytest.raises(InvalidArgument):
        publishing.check(Config(), host(port, host_ip=address, host_port=on_host))


def test_addresses_of_both_families() -> None:
    publishing.check(Config(), host("80/tcp", host_ip="::1", host_port="80"))
    publishing.check(Config(), host("80/tcp", host_ip="127.0.0.1", host_port="80-90"))
