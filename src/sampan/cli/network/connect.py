"""`sampan network connect`."""

from __future__ import annotations

from sampan.cli.network.pools import split
from sampan.client.network.connect import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] NETWORK CONTAINER"
SHORT = "Put a container on a network"
ALIASES = ()
ARGUMENTS = (2, 2)
FLAGS = (
    ("alias", "", "list", None, "A name that the container has on this network only"),
    ("driver-opt", "", "list", None, "Options of the network's driver"),
    ("gw-priority", "", "int", 0, "The network with the highest one has the default gateway"),
    ("ip", "", "string", "", "The container's address, IPv4"),
    ("ip6", "", "string", "", "The container's address, IPv6"),
    ("link", "", "list", None, "Name another container (NAME:ALIAS)"),
    ("link-local-ip", "", "list", None, "A link-local address of the container"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    network, container = arguments
    endpoint: dict[str, Any] = {"Links": options["link"] or None, "Aliases": split(options["alias"]) or None}
    ipam: dict[str, Any] = {}
    for flag, field in (("ip", "IPv4Address"), ("ip6", "IPv6Address")):
        if options[flag]:
            ipam[field] = options[flag]
    if options["link-local-ip"]:
        ipam["LinkLocalIPs"] = split(options["link-local-ip"])
    endpoint["IPAMConfig"] = ipam
    endpoint["GwPriority"] = options["gw-priority"]
    if options["driver-opt"]:
        endpoint["DriverOpts"] = dict(one.partition("=")[::2] for one in split(options["driver-opt"]))
    connect(session.client, network, container, endpoint)
    return 0
