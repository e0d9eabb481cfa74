"""`sampan compose volumes`."""

from __future__ import annotations

from sampan.cli import format
from sampan.cli.compose import project
from sampan.cli.volume import ls as inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "List volumes"
ALIASES = ("compose volumes",)
ARGUMENTS = (0, None)
FLAGS = (
    ("format", "", "string", "table", "@table"),
    ("quiet", "q", "bool", False, "Only display volume names"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, containers = project.containers(session, arguments, all=True, oneoff=True)
    from sampan.client.volume.ls import ls
    from sampan.compose import labels

    answer = ls(session.client, {"label": [f"{labels.PROJECT}={name}"]})
    found = answer.get("Volumes") or []
    if arguments:
        used = {mount.get("Name") for item in containers for mount in item.raw.get("Mounts") or ()}
        found = [volume for volume in found if volume["Name"] in used]
    rows = sorted(found, key=lambda row: format.natural(str(row["Name"])))
    listing = format.Listing("*formatter.volumeContext", inner.FIELDS, inner.COLUMNS, key="Name")
    listing.show(rows, options["format"], format.View(), quiet=options["quiet"])
    return 0
