"""`-p` and `-P`: which ports of a container are wanted on the host."""

import ipaddress

from sampan.engine.containers.config import Config, HostConfig, PortBinding
from sampan.errors import InvalidArgument
from sampan.network import ports


def check(config: Config, host: HostConfig) -> None:
    """At create, so that a wrong one is refused before anything is made. Raises InvalidArgument."""
    for wanted in bindings(config, host):
        try:
            ipaddress.ip_address(wanted.host_ip or "0.0.0.0")
        except ValueError:
            raise InvalidArgument(f"invalid IP address: {wanted.host_ip}") from None


def bindings(config: Config, host: HostConfig) -> list[ports.PortBinding]:
    """-p as asked for, and with -P every exposed port that has no binding of its own."""
    asked = [
        _parsed(port, one) for port, several in (host.port_bindings or {}).items() for one in several or ()
    ]
    if host.publish_all_ports:
        bound = {(one.container_port, one.protocol) for one in asked}
        exposed = [ports.parse(port, "", "") for port in config.exposed_ports or {}]
        asked += [one for one in exposed if (one.container_port, one.protocol) not in bound]
    return asked


def _parsed(port: str, wanted: PortBinding) -> ports.PortBinding:
    ports.parse(port, "", "")  # so that what is wrong below is the host's side
    try:
        return ports.parse(port, wanted.host_ip, wanted.host_port)
    except InvalidArgument:
        raise InvalidArgument(f'invalid port specification: "{wanted.host_port}"') from None
