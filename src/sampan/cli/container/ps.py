"""`sampan ps`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.cli.flags import filters
from sampan.client.container.ps import ps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Container = dict[str, Any]

USAGE = "[OPTIONS]"
SHORT = "List containers"
ALIASES = ("container ls", "container list", "container ps", "ps")
ARGUMENTS = (0, 0)
FLAGS = (
    ("all", "a", "bool", False, "Show stopped containers too (default shows running ones only)"),
    ("filter", "f", "filter", None, "Show what meets the conditions only"),
    ("format", "", "string", "", "@table"),
    ("last", "n", "int", -1, "Show the n newest containers, in any state"),
    ("latest", "l", "bool", False, "Show the newest container, in any state"),
    ("no-trunc", "", "bool", False, "Show everything at full length"),
    ("quiet", "q", "bool", False, "Show container IDs only"),
    ("size", "s", "bool", False, "Show file sizes"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    form = options["format"]
    if not form and not options["quiet"]:
        form = str(session.config.get("psFormat", ""))
    limit = 1 if options["latest"] and options["last"] == -1 else options["last"]
    if "{{" in form:
        _check(form)
    rows = ps(
        session.client,
        all=options["all"],
        limit=limit,
        size=options["size"] or ".Size" in form or "json ." in form,
        wanted=filters(options["filter"]),
    )
    columns = (*COLUMNS, "Size") if options["size"] else COLUMNS
    if options["format"] and options["quiet"]:
        console.error("WARNING: Ignoring custom format, because both --format and --quiet are set.")
        form = ""
    raw = (*RAW, ("size", "Size")) if options["size"] else RAW
    listing = format.Listing(ROW, FIELDS, columns, raw=raw)
    listing.show(rows, form, format.View(trunc=not options["no-trunc"]), quiet=options["quiet"])
    return 0


def _check(form: str) -> None:
    """Docker tries the template before it asks the daemon, and says so in other words than later."""
    from sampan.cli import listing

    listing.check(format.Listing(ROW, FIELDS, COLUMNS), form)


def _identity(row: Container, view: format.View) -> str:
    return format.short_id(row["Id"]) if view.trunc else str(row["Id"])


def _names(row: Container, view: format.View) -> str:
    """Without the slash; a name with another slash in it is that of a link, shown on request."""
    names = [name.removeprefix("/") for name in row["Names"] or ()]
    return ",".join(name for name in names if not (view.trunc and "/" in name))


def _image(row: Container, view: format.View) -> str:
    image = str(row["Image"])
    if not image:
        return "<no image>"
    if not view.trunc:
        return image
    short = format.short_id(row.get("ImageID", ""))
    if short and short == format.short_id(image):
        return short
    name, at, _ = image.partition("@")
    return name if at and ":" in name.rpartition("/")[2] else image


def _command(row: Container, view: format.View) -> str:
    return format.quoted(format.ellipsis(row["Command"], 20) if view.trunc else row["Command"])


def _created_at(row: Container, view: format.View) -> str:
    return format.local_time(row["Created"])


def _running_for(row: Container, view: format.View) -> str:
    return format.duration(view.now - row["Created"]) + " ago"


def _status(row: Container, view: format.View) -> str:
    return str(row["Status"])


def _state(row: Container, view: format.View) -> str:
    return str(row["State"])


def _ports(row: Container, view: format.View) -> str:
    ports = row.get("Ports")
    if not ports:
        return ""
    from sampan.cli.container import ports as published

    return published.shown(ports)


def _size(row: Container, view: format.View) -> str:
    own = format.size(row.get("SizeRw", 0), 3)
    whole = row.get("SizeRootFs", 0)
    return f"{own} (virtual {format.size(whole, 3)})" if whole else own


def _labels(row: Container, view: format.View) -> str:
    return ",".join(f"{name}={value}" for name, value in (row.get("Labels") or {}).items())


def _mounts(row: Container, view: format.View) -> str:
    names = [mount.get("Name") or mount["Source"] for mount in row.get("Mounts") or ()]
    return ",".join(format.ellipsis(name, 15) if view.trunc else name for name in names)


def _local_volumes(row: Container, view: format.View) -> str:
    return str(sum(mount.get("Driver") == "local" for mount in row.get("Mounts") or ()))


def _networks(row: Container, view: format.View) -> str:
    return ",".join((row.get("NetworkSettings") or {}).get("Networks") or ())


def _platform(row: Container, view: format.View) -> Any:
    return (row.get("ImageManifestDescriptor") or {}).get("platform")


ROW = "*formatter.ContainerContext"
COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
RAW = (
    ("container_id", "ID"),
    ("image", "Image"),
    ("command", "Command"),
    ("created_at", "CreatedAt"),
    ("state", "State"),
    ("status", "Status"),
    ("names", "Names"),
    ("labels", "Labels"),
    ("ports", "Ports"),
)
FIELDS: dict[str, format.Field] = {
    "ID": ("CONTAINER ID", _identity),
    "Image": ("IMAGE", _image),
    "Command": ("COMMAND", _command),
    "RunningFor": ("CREATED", _running_for),
    "CreatedAt": ("CREATED AT", _created_at),
    "Status": ("STATUS", _status),
    "State": ("STATE", _state),
    "Ports": ("PORTS", _ports),
    "Names": ("NAMES", _names),
    "Size": ("SIZE", _size),
    "Labels": ("LABELS", _labels),
    "Mounts": ("MOUNTS", _mounts),
    "LocalVolumes": ("LOCAL VOLUMES", _local_volumes),
    "Networks": ("NETWORKS", _networks),
    "Platform": ("PLATFORM", _platform),
}
