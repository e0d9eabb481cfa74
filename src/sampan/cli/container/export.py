"""`sampan export`."""

from __future__ import annotations

from sampan.cli.image import output
from sampan.client.container.export import export

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER"
SHORT = "Export a container's filesystem as a tar archive"
ALIASES = ("container export", "export")
ARGUMENTS = (1, 1)
FLAGS = (("output", "o", "string", "", "Write to a file, instead of STDOUT"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    output.check(options["output"], "export container")
    output.write(export(session.client, arguments[0]), options["output"])
    return 0
