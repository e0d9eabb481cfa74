"""`sampan images`."""

from __future__ import annotations

from sampan.cli import format
from sampan.cli.flags import filters
from sampan.client.image.images import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

    Image = dict[str, Any]

USAGE = "[OPTIONS] [REPOSITORY[:TAG]]"
SHORT = "List images"
ALIASES = ("image ls", "image list", "images")
ARGUMENTS = (0, 1)
FLAGS = (
    ("all", "a", "bool", False, "Show intermediate images too"),
    ("digests", "", "bool", False, "Show digests"),
    ("filter", "f", "filter", None, "Show what meets the conditions only"),
    ("format", "", "string", "", "@table"),
    ("no-trunc", "", "bool", False, "Show everything at full length"),
    ("quiet", "q", "bool", False, "Show image IDs only"),
)
_NONE = "<none>"


def main(session: Session, options: Values, arguments: list[str]) -> int:
    form = options["format"]
    if not form and not options["quiet"]:
        form = str(session.config.get("imagesFormat", ""))
    if options["digests"] and form.startswith("table ") and "{{.Digest}}" not in form:
        form += "\t{{.Digest}}"
    wanted = filters(options["filter"])
    if arguments:
        wanted.setdefault("reference", []).append(arguments[0])
    found = images(session.client, all=options["all"], wanted=wanted)
    digests = options["digests"] or "{{.Digest}}" in form
    rows = [row for image in found for row in _rows(image, digests=digests)]
    columns = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size") if options["digests"] else COLUMNS
    raw = (*RAW[:2], ("digest", "Digest"), *RAW[2:]) if options["digests"] else RAW
    listing = format.Listing("*formatter.imageContext", FIELDS, columns, raw=raw)
    listing.show(rows, form, format.View(trunc=not options["no-trunc"]), quiet=options["quiet"])
    return 0


def _rows(image: Image, *, digests: bool) -> list[Image]:
    """One row for each name of the image; with `digests` one for each pair of name and digest."""
    rows = [_row(image, *_split(name)) for name in image.get("RepoTags") or () if name != "<none>:<none>"]
    by_repository: dict[str, list[str]] = {}
    for name in image.get("RepoDigests") or ():
        repository, _, digest = name.partition("@")
        if repository != _NONE:
            by_repository.setdefault(repository, []).append(digest)
    if not rows:
        rows = [_row(image, repository, _NONE) for repository in by_repository] or [_row(image, _NONE, _NONE)]
    if not digests:
        return rows
    return [
        {**row, "Digest": digest} for row in rows for digest in by_repository.get(row["Repository"], [_NONE])
    ]


def _row(image: Image, repository: str, tag: str) -> Image:
    return {**image, "Repository": repository, "Tag": tag, "Digest": _NONE}


def _split(name: str) -> tuple[str, str]:
    repository, _, tag = name.rpartition(":")
    return repository, tag


def _identity(row: Image, view: format.View) -> str:
    return format.short_id(row["Id"]) if view.trunc else str(row["Id"])


def _repository(row: Image, view: format.View) -> str:
    return str(row["Repository"])


def _tag(row: Image, view: format.View) -> str:
    return str(row["Tag"])


def _digest(row: Image, view: format.View) -> str:
    return str(row["Digest"])


def _since(row: Image, view: format.View) -> str:
    return format.duration(view.now - row["Created"]) + " ago"


def _created_at(row: Image, view: format.View) -> str:
    return format.local_time(row["Created"])


def _size(row: Image, view: format.View) -> str:
    return format.size(row["Size"], 3)


def _virtual_size(row: Image, view: format.View) -> str:
    return format.size(row.get("VirtualSize") or row["Size"])


def _containers(row: Image, view: format.View) -> str:
    count = row.get("Containers", -1)
    return "N/A" if count == -1 else str(count)


def _shared_size(row: Image, view: format.View) -> str:
    size = row.get("SharedSize", -1)
    return "N/A" if size == -1 else format.size(size)


def _unique_size(row: Image, view: format.View) -> str:
    shared = row.get("SharedSize", -1)
    return "N/A" if shared == -1 else format.size(row["Size"] - shared)


COLUMNS = ("Repository", "Tag", "ID", "CreatedSince", "Size")
RAW = (
    ("repository", "Repository"),
    ("tag", "Tag"),
    ("image_id", "ID"),
    ("created_at", "CreatedAt"),
    ("virtual_size", "Size"),
)
FIELDS: dict[str, format.Field] = {
    "ID": ("IMAGE ID", _identity),
    "Repository": ("REPOSITORY", _repository),
    "Tag": ("TAG", _tag),
    "Digest": ("DIGEST", _digest),
    "CreatedSince": ("CREATED", _since),
    "CreatedAt": ("CREATED AT", _created_at),
    "Size": ("SIZE", _size),
    "Containers": ("CONTAINERS", _containers),
    "VirtualSize": ("SIZE", _virtual_size),
    "SharedSize": ("SHARED SIZE", _shared_size),
    "UniqueSize": ("UNIQUE SIZE", _unique_size),
}
