"""`sampan history`."""

from __future__ import annotations

import posix

from sampan.cli import format
from sampan.cli.console import ExitWith
from sampan.client.image.history import history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Layer = dict[str, Any]

USAGE = "[OPTIONS] IMAGE"
SHORT = "Show how an image came about"
ALIASES = ("image history", "history")
ARGUMENTS = (1, 1)
FLAGS = (
    ("format", "", "string", "", "@table"),
    ("human", "H", "bool", True, "Show sizes and times for people"),
    ("no-trunc", "", "bool", False, "Show everything at full length"),
    ("platform", "", "string", "", "Show the history of this platform's image (os[/arch[/variant]])"),
    ("quiet", "q", "bool", False, "Show image IDs only"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    human = options["human"]
    fields = dict(FIELDS)
    columns: tuple[str, ...] = COLUMNS
    if not human:
        fields["Size"] = ("SIZE", lambda row, view: str(row["Size"]))
        fields["CreatedSince"] = ("CREATED", _created_at)  # the header stays, where a template asks for it
        columns = tuple("CreatedAt" if name == "CreatedSince" else name for name in COLUMNS)
    listing = format.Listing("*image.historyContext", fields, columns)
    view = format.View(trunc=not options["no-trunc"])
    rows = history(session.client, arguments[0], _platform(options["platform"]))
    listing.show(rows, options["format"], view, quiet=options["quiet"])
    return 0


def _platform(text: str) -> dict[str, str] | None:
    if not text:
        return None
    parts = text.lower().split("/")
    if len(parts) > 3 or not all(part.replace("_", "").replace("-", "").isalnum() for part in parts):
        raise ExitWith(1, f'invalid platform: "{text}": cannot parse platform specifier: invalid argument')
    if len(parts) == 1:  # an operating system for machines like this one, or an architecture
        own = {"x86_64": "amd64", "aarch64": "arm64"}.get(posix.uname().machine, posix.uname().machine)
        parts = [parts[0], own] if parts[0] in ("linux", "windows", "darwin") else ["linux", parts[0]]
    return dict(zip(("os", "architecture", "variant"), parts, strict=False))


def _identity(row: Layer, view: format.View) -> str:
    return format.short_id(row["Id"]) if view.trunc else str(row["Id"])


def _since(row: Layer, view: format.View) -> str:
    if row["Created"] <= -62135596800:  # Go's zero time
        return "N/A"
    return format.duration(view.now - row["Created"]) + " ago"


def _created_at(row: Layer, view: format.View) -> str:
    from sampan.wire import times

    shown = times.text(row["Created"])
    return shown[:19] + shown[29:]


def _created_by(row: Layer, view: format.View) -> str:
    text = str(row["CreatedBy"]).replace("\t", " ")
    return format.ellipsis(text, 45) if view.trunc else text


def _size(row: Layer, view: format.View) -> str:
    return format.size(row["Size"], 3)


def _comment(row: Layer, view: format.View) -> str:
    return str(row["Comment"])


COLUMNS = ("ID", "CreatedSince", "CreatedBy", "Size", "Comment")
FIELDS: dict[str, format.Field] = {
    "ID": ("IMAGE", _identity),
    "CreatedSince": ("CREATED", _since),
    "CreatedAt": ("CREATED AT", _created_at),
    "CreatedBy": ("CREATED BY", _created_by),
    "Size": ("SIZE", _size),
    "Comment": ("COMMENT", _comment),
}
