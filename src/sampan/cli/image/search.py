"""`sampan search`."""

from __future__ import annotations

from sampan.cli import format
from sampan.cli.flags import filters
from sampan.cli.image import credentials
from sampan.client.image.search import search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Found = dict[str, Any]

USAGE = "[OPTIONS] TERM"
SHORT = "Search a registry, Docker Hub by default, for images"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = (
    ("filter", "f", "filter", None, "Show what meets the conditions only"),
    ("format", "", "string", "", "@table"),
    ("limit", "", "int", 0, "Most results to show"),
    ("no-trunc", "", "bool", False, "Show everything at full length"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    wanted = filters(options["filter"])
    auth = credentials.header(session.config, _domain(arguments[0]))
    rows = search(session.client, arguments[0], limit=options["limit"], wanted=wanted, auth=auth)
    rows.sort(key=lambda row: -int(row.get("star_count", 0)))  # stable: among equals the daemon's order
    fields = dict(FIELDS)
    if options["format"] in ("json", "{{json .}}"):
        fields["IsOfficial"] = ("OFFICIAL", lambda row, view: str(bool(row.get("is_official"))).lower())
    listing = format.Listing("*registry.searchContext", fields, COLUMNS, key="Name")
    listing.show(rows, options["format"], format.View(trunc=not options["no-trunc"]))
    return 0


def _domain(term: str) -> str:
    """The registry that is named in front, as in an image's name."""
    first, slash, _ = term.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def _description(row: Found, view: format.View) -> str:
    text = str(row.get("description", "")).replace("\n", " ").replace("\r", " ")
    return format.ellipsis(text, 45) if view.trunc else text


def _official(row: Found, view: format.View) -> str:
    return "[OK]" if row.get("is_official") else ""


COLUMNS = ("Name", "Description", "StarCount", "IsOfficial")
FIELDS: dict[str, format.Field] = {
    "Name": ("NAME", lambda row, view: row["name"]),
    "Description": ("DESCRIPTION", _description),
    "StarCount": ("STARS", lambda row, view: str(row.get("star_count", 0))),
    "IsOfficial": ("OFFICIAL", _official),
}
