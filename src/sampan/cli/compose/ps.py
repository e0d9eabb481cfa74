"""`sampan compose ps`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project
from sampan.cli.console import ExitWith
from sampan.cli.container import ps
from sampan.cli.format import Listing, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.format import Field
    from sampan.cli.session import Session
    from sampan.compose.observe import Container

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "List containers"
ALIASES = ("compose ps",)
ARGUMENTS = (0, None)
FLAGS = (
    ("all", "a", "bool", False, "Show all stopped containers (including those created by the run command)"),
    ("filter", "", "filter", None, "Filter services by a property (supported filters: status)"),
    ("format", "", "string", "table", "@table"),
    ("no-trunc", "", "bool", False, "Don't truncate output"),
    ("orphans", "", "bool", True, "Include orphaned services (not declared by project)"),
    ("quiet", "q", "bool", False, "Only display IDs"),
    ("services", "", "bool", False, "Display services"),
    (
        "status",
        "",
        "list",
        None,
        "Filter services by status. "
        "Values: [paused | restarting | removing | running | dead | created | exited]",
    ),
)
_FIELDS: dict[str, Field] = {
    **ps.FIELDS,
    "Name": ("NAME", lambda row, view: row["compose"].name),
    "Names": ("NAMES", lambda row, view: row["compose"].name),
    "Image": ("IMAGE", lambda row, view: row["Image"]),
    "Service": ("SERVICE", lambda row, view: row["compose"].service),
    "Project": ("PROJECT", lambda row, view: (row.get("Labels") or {}).get("com.docker.compose.project", "")),
    "RunningFor": ("CREATED", ps.FIELDS["RunningFor"][1]),
    "Health": ("HEALTH", lambda row, view: _health(row["Status"])),
    "Publishers": ("PUBLISHERS", lambda row, view: _publishers(row)),
    "ExitCode": ("EXIT CODE", lambda row, view: _exit_code(row["Status"])),
}
_LISTING = Listing(
    "*formatter.ContainerContext",
    _FIELDS,
    ("Name", "Image", "Command", "Service", "RunningFor", "Status", "Ports"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    for key, _ in options["filter"]:
        if key != "status":
            raise ExitWith(1, f"unknown filter {key}")
    statuses = [*options["status"], *(value for key, value in options["filter"] if key == "status")]
    every = options["all"] or bool(statuses)
    _, found = project.containers(session, arguments, all=every, oneoff=options["all"])
    if not options["orphans"]:
        found = project.of_files(session, found)
    if statuses:
        found = [item for item in found if item.state in statuses]
    if options["services"]:
        for service in sorted({item.service for item in found}):
            console.out(service)
        return 0
    if options["quiet"]:
        for item in found:
            console.out(item.id)
        return 0
    rows = [_row(item) for item in sorted(found, key=lambda item: item.name)]
    _LISTING.show(rows, options["format"], View(trunc=not options["no-trunc"]))
    return 0


def _row(item: Container) -> dict[str, Any]:
    return {**item.raw, "compose": item}


def _publishers(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "URL": port.get("IP", ""),
            "TargetPort": port.get("PrivatePort", 0),
            "PublishedPort": port.get("PublicPort", 0),
            "Protocol": port.get("Type", "tcp"),
        }
        for port in row.get("Ports") or ()
    ]


def _health(status: str) -> str:
    for word in ("healthy", "unhealthy"):
        if f"({word})" in status:
            return word
    return "starting" if "(health: starting)" in status else ""


def _exit_code(status: str) -> int:
    if not status.startswith("Exited ("):
        return 0
    return int(status.partition("(")[2].partition(")")[0] or 0)
