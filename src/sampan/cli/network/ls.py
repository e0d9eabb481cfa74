"""`sampan network ls`."""

from __future__ import annotations

from sampan.cli import format
from sampan.cli.flags import filters
from sampan.client.network.ls import ls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Network = dict[str, Any]

USAGE = "[OPTIONS]"
SHORT = "List networks"
ALIASES = ("network ls", "network list")
ARGUMENTS = (0, 0)
FLAGS = (
    ("filter", "f", "filter", None, 'Show what meets the conditions only ("driver=bridge")'),
    ("format", "", "string", "", "@table"),
    ("no-trunc", "", "bool", False, "Show everything at full length"),
    ("quiet", "q", "bool", False, "Show network IDs only"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    form = options["format"]
    if not form and not options["quiet"]:
        form = str(session.config.get("networksFormat", ""))
    rows = sorted(
        ls(session.client, filters(options["filter"])), key=lambda row: format.natural(str(row["Name"]))
    )
    listing = format.Listing("*network.networkContext", FIELDS, COLUMNS, raw=RAW)
    listing.show(rows, form, format.View(trunc=not options["no-trunc"]), quiet=options["quiet"])
    return 0


def _identity(row: Network, view: format.View) -> str:
    return format.short_id(row["Id"]) if view.trunc else str(row["Id"])


def _labels(row: Network, view: format.View) -> str:
    return ",".join(f"{name}={value}" for name, value in (row.get("Labels") or {}).items())


def _truth(name: str) -> format.Field:
    return name.upper(), lambda row, view: "true" if row.get(name) else "false"


def _created_at(row: Network, view: format.View) -> str:
    from sampan.wire import times

    seconds, nanoseconds, _ = times.parse(row["Created"])
    whole = format.local_time(seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    return whole[:19] + fraction + whole[19:]


COLUMNS = ("ID", "Name", "Driver", "Scope")
RAW = (("network_id", "ID"), ("name", "Name"), ("driver", "Driver"), ("scope", "Scope"))
FIELDS: dict[str, format.Field] = {
    "ID": ("NETWORK ID", _identity),
    "Name": ("NAME", lambda row, view: row["Name"]),
    "Driver": ("DRIVER", lambda row, view: row["Driver"]),
    "Scope": ("SCOPE", lambda row, view: row["Scope"]),
    "IPv4": ("IPV4", lambda row, view: "true" if row.get("EnableIPv4") else "false"),
    "IPv6": ("IPV6", lambda row, view: "true" if row.get("EnableIPv6") else "false"),
    "Internal": _truth("Internal"),
    "Labels": ("LABELS", _labels),
    "CreatedAt": ("CREATED AT", _created_at),
}
