"""`sampan volume ls`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.cli.flags import filters
from sampan.client.volume.ls import ls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Volume = dict[str, Any]

USAGE = "[OPTIONS]"
SHORT = "List volumes"
ALIASES = ("volume ls", "volume list")
ARGUMENTS = (0, 0)
FLAGS = (
    ("filter", "f", "filter", None, 'Show what meets the conditions only ("dangling=true")'),
    ("format", "", "string", "", "@table"),
    ("quiet", "q", "bool", False, "Show volume names only"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    answer = ls(session.client, filters(options["filter"]))
    form = options["format"]
    if not form and not options["quiet"]:
        form = str(session.config.get("volumesFormat", ""))
    rows = sorted(answer.get("Volumes") or (), key=lambda row: format.natural(str(row["Name"])))
    listing = format.Listing("*formatter.volumeContext", FIELDS, COLUMNS, key="Name", raw=RAW)
    listing.show(rows, form, format.View(), quiet=options["quiet"])
    for warning in answer.get("Warnings") or ():
        console.error(warning)
    return 0


def _labels(row: Volume, view: format.View) -> str:
    return ",".join(f"{name}={value}" for name, value in (row.get("Labels") or {}).items())


def _links(row: Volume, view: format.View) -> str:
    usage = row.get("UsageData")
    return str(usage["RefCount"]) if usage else "N/A"


def _size(row: Volume, view: format.View) -> str:
    usage = row.get("UsageData")
    return format.size(usage["Size"]) if usage else "N/A"


COLUMNS = ("Driver", "Name")
RAW = (("name", "Name"), ("driver", "Driver"))
FIELDS: dict[str, format.Field] = {
    "Name": ("VOLUME NAME", lambda row, view: row["Name"]),
    "Driver": ("DRIVER", lambda row, view: row["Driver"]),
    "Scope": ("SCOPE", lambda row, view: row["Scope"]),
    "Mountpoint": ("MOUNTPOINT", lambda row, view: row["Mountpoint"]),
    "Labels": ("LABELS", _labels),
    "Links": ("LINKS", _links),
    "Size": ("SIZE", _size),
    "Availability": ("AVAILABILITY", lambda row, view: "N/A"),
    "Group": ("GROUP", lambda row, view: "N/A"),
    "Status": ("STATUS", lambda row, view: "N/A"),
}
