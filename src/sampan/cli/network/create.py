"""`sampan network create`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.container.environment import labels
from sampan.cli.network import pools
from sampan.client.network.create import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] NETWORK"
SHORT = "Create a network"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = (
    ("attachable", "", "bool", False, "Containers may be attached by hand"),
    ("aux-address", "", "map", None, "Addresses that no container gets (name=address)"),
    ("config-from", "", "string", "", "Network that the configuration is copied from"),
    ("config-only", "", "bool", False, "Create a configuration, and no network"),
    ("driver", "d", "string", "bridge", "Driver of the network"),
    ("gateway", "", "list", None, "Gateway of a subnet, IPv4 or IPv6"),
    ("ingress", "", "bool", False, "Create the routing mesh of a swarm"),
    ("internal", "", "bool", False, "No way out of the network, and none in"),
    ("ip-range", "", "list", None, "Part of a subnet that containers get their addresses from"),
    ("ipam-driver", "", "string", "default", "Driver that manages addresses"),
    ("ipam-opt", "", "map", None, "Options of that driver"),
    ("ipv4", "", "bool", True, "Containers get addresses of IPv4"),
    ("ipv6", "", "bool", False, "Containers get addresses of IPv6"),
    ("label", "", "list", None, "Set metadata on the network"),
    ("opt", "o", "map", None, "Options of the driver"),
    ("scope", "", "string", "", "Scope of the network"),
    ("subnet", "", "list", None, "A subnet of the network (10.1.0.0/16)"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    wanted: dict[str, Any] = {
        "Name": arguments[0],
        "Driver": options["driver"],
        "Scope": options["scope"],
        "IPAM": {
            "Driver": options["ipam-driver"],
            "Options": dict(options["ipam-opt"]),
            "Config": pools.consolidate(
                pools.split(options["subnet"]),
                pools.split(options["ip-range"]),
                pools.split(options["gateway"]),
                dict(options["aux-address"]),
            ),
        },
        "Internal": options["internal"],
        "Ingress": options["ingress"],
        "Attachable": options["attachable"],
        "ConfigOnly": options["config-only"],
        "Options": dict(options["opt"]),
        "Labels": labels([], options["label"]),
    }
    if options["config-from"]:
        wanted["ConfigFrom"] = {"Network": options["config-from"]}
    for flag, field in (("ipv4", "EnableIPv4"), ("ipv6", "EnableIPv6")):
        if flag in options.changed:
            wanted[field] = options[flag]
    console.out(create(session.client, wanted)["Id"])
    return 0
