"""`sampan context ls`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.cli.console import environment
from sampan.cli.context import endpoints, store
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Row = dict[str, Any]

USAGE = "[OPTIONS]"
SHORT = "List contexts"
ALIASES = ("context ls", "context list")
ARGUMENTS = (0, 0)
FLAGS = (
    ("format", "", "string", "", "@table"),
    ("quiet", "q", "bool", False, "Show names only"),
)
_OF_DEFAULT = "Current DOCKER_HOST based configuration"


def main(session: Session, options: Values, arguments: list[str]) -> int:
    contexts = store.of(session.config_directory)
    names = contexts.names()
    if options["quiet"]:
        for name in sorted([*names, store.DEFAULT], key=format.natural):
            console.out(name)
        return 0
    rows = [_row(contexts.read(name)) for name in names]
    rows.append(_row(endpoints.default(session)) | {"Description": _OF_DEFAULT})
    current = session.context
    if current not in (row["Name"] for row in rows):
        rows.append(_lost(contexts, current))
    rows.sort(key=lambda row: format.natural(row["Name"]))
    form = options["format"]
    fields = {**FIELDS, "Name": ("NAME", _starred)} if form in ("", "table") else FIELDS
    listing = format.Listing("*formatter.clientContextContext", fields, COLUMNS, key="Name")
    listing.show([row | {"Current": row["Name"] == current} for row in rows], form, format.View())
    if environment("DOCKER_HOST"):
        console.error(
            "Warning: DOCKER_HOST environment variable overrides the active context. To use a context, "
            "either set the global --context flag, or unset DOCKER_HOST environment variable."
        )
    return 0


def _row(meta: dict[str, Any]) -> Row:
    return {
        "Name": meta["Name"],
        "Description": (meta.get("Metadata") or {}).get("Description", ""),
        "DockerEndpoint": store.endpoint(meta).get("Host", ""),
        "Error": "",
    }


def _lost(contexts: store.Store, name: str) -> Row:
    """The one that is chosen but not there."""
    error = ""
    try:
        contexts.read(name)
    except SampanError as failure:
        error = str(failure)
    return {"Name": name, "Description": "", "DockerEndpoint": "", "Error": error}


def _name(row: Row, view: format.View) -> str:
    return str(row["Name"])


def _starred(row: Row, view: format.View) -> str:
    return f"{row['Name']} *" if row["Current"] else str(row["Name"])


def _current(row: Row, view: format.View) -> bool:
    return bool(row["Current"])


def _description(row: Row, view: format.View) -> str:
    return format.ellipsis(str(row["Description"]), 60)


def _endpoint(row: Row, view: format.View) -> str:
    return str(row["DockerEndpoint"])


def _error(row: Row, view: format.View) -> str:
    return format.ellipsis(str(row["Error"]), 45)


COLUMNS = ("Name", "Description", "DockerEndpoint", "Error")
FIELDS: dict[str, format.Field] = {
    "Name": ("NAME", _name),
    "Current": ("CURRENT", _current),
    "Description": ("DESCRIPTION", _description),
    "DockerEndpoint": ("DOCKER ENDPOINT", _endpoint),
    "Error": ("ERROR", _error),
}
