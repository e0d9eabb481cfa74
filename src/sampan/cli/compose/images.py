"""`sampan compose images`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.cli.compose import project
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.compose.observe import Container

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "List images used by the created containers"
ALIASES = ("compose images",)
ARGUMENTS = (0, None)
FLAGS = (
    ("format", "", "string", "table", "Format the output. Values: [table | json]"),
    ("quiet", "q", "bool", False, "Only display IDs"),
)
_HEADER = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"]


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["format"] not in ("table", "json"):
        raise ExitWith(1, f'unsupported format "{options["format"]}": write table or json')
    _, found = project.containers(session, arguments, all=True)
    rows = [_row(session, item) for item in found]
    if options["quiet"]:
        for image in dict.fromkeys(row["ID"] for row in rows):
            console.out(image.partition(":")[2])
    elif options["format"] == "json":
        from sampan.wire import json

        console.out(json.dumps(rows))
    else:
        lines = [_HEADER]
        for row in rows:
            platform, identity = row["Platform"], format.short_id(row["ID"])
            size = format.size(row["Size"], 3)
            name, repository, tag = row["ContainerName"], row["Repository"], row["Tag"]
            lines.append([name, repository, tag, platform, identity, size, _ago(row["Created"])])
        console.write(console.STDOUT, format.table(lines).encode())
    return 0


def _row(session: Session, item: Container) -> dict[str, Any]:
    from sampan.client.image.inspect import inspect

    found = inspect(session.client, item.raw["ImageID"])
    repository, tag = "<none>", "<none>"
    for name in found.get("RepoTags") or ():
        repository, _, tag = name.rpartition(":")
        break
    return {
        "ID": found["Id"],
        "ContainerName": item.name,
        "Repository": repository,
        "Tag": tag,
        "Platform": f"{found.get('Os', '')}/{found.get('Architecture', '')}",
        "Size": found.get("Size", 0),
        "Created": found.get("Created", ""),
    }


def _ago(created: str) -> str:
    from time import time

    from sampan.wire import times

    try:
        return format.duration(time() - times.parse(created)[0]) + " ago"
    except ValueError:
        return "N/A"
