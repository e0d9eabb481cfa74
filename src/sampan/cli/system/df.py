"""`sampan system df`."""

from __future__ import annotations

from sampan.cli import format
from sampan.client.system.df import df

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Row = dict[str, Any]

USAGE = "[OPTIONS]"
SHORT = "Show docker disk usage"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (
    ("format", "", "string", "", "@table"),
    ("verbose", "v", "bool", False, "Show detailed information on space usage"),
)
_TYPE = "*formatter.diskUsageContext"


def main(session: Session, options: Values, arguments: list[str]) -> int:
    found = df(session.client)
    if options["verbose"]:
        from sampan.cli.system import df_verbose

        df_verbose.show(found, options["format"])
        return 0
    rows = [_images(found), _containers(found), _volumes(found), _cache(found)]
    format.Listing(_TYPE, FIELDS, COLUMNS, key="Type").show(rows, options["format"], format.View())
    return 0


def _row(kind: str, total: int, active: int, sizes: tuple[int, int]) -> Row:
    size, reclaimable = sizes
    share = f" ({reclaimable * 100 // size}%)" if size > 0 and kind != "Build Cache" else ""
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": format.size(size),
        "Reclaimable": format.size(reclaimable) + share,
    }


def _images(found: Row) -> Row:
    images = found.get("Images") or []
    total = int(found.get("LayersSize") or 0)
    used = 0
    for image in images:
        if image["Containers"] > 0 and image["Size"] >= 0 and image["SharedSize"] >= 0:
            used += image["Size"] - image["SharedSize"]
    active = sum(1 for image in images if image["Containers"] > 0)
    return _row("Images", len(images), active, (total, total - used))


def _containers(found: Row) -> Row:
    containers = found.get("Containers") or []
    total = sum(one.get("SizeRw") or 0 for one in containers)
    running = [one for one in containers if one["State"] in ("running", "paused", "restarting")]
    idle = total - sum(one.get("SizeRw") or 0 for one in running)
    return _row("Containers", len(containers), len(running), (total, idle))


def _volumes(found: Row) -> Row:
    volumes = found.get("Volumes") or []
    usage = [one.get("UsageData") or {"RefCount": 0, "Size": 0} for one in volumes]
    total = sum(max(one["Size"], 0) for one in usage)
    idle = sum(max(one["Size"], 0) for one in usage if one["RefCount"] == 0)
    return _row("Local Volumes", len(volumes), sum(one["RefCount"] > 0 for one in usage), (total, idle))


def _cache(found: Row) -> Row:
    entries = found.get("BuildCache") or []
    total = sum(one["Size"] for one in entries if not one.get("Shared"))
    used = sum(one["Size"] for one in entries if one.get("InUse") and not one.get("Shared"))
    active = sum(1 for one in entries if one.get("InUse"))
    return _row("Build Cache", len(entries), active, (total, total - used))


COLUMNS = ("Type", "TotalCount", "Active", "Size", "Reclaimable")
FIELDS: dict[str, format.Field] = {
    "Type": ("TYPE", lambda row, view: row["Type"]),
    "TotalCount": ("TOTAL", lambda row, view: row["TotalCount"]),
    "Active": ("ACTIVE", lambda row, view: row["Active"]),
    "Size": ("SIZE", lambda row, view: row["Size"]),
    "Reclaimable": ("RECLAIMABLE", lambda row, view: row["Reclaimable"]),
}
