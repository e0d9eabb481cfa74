"""`sampan compose export`."""

from __future__ import annotations

from sampan.cli.compose import project
from sampan.cli.container import export as inner
from sampan.cli.flags import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE"
SHORT = "Export a service container's filesystem as a tar archive"
ALIASES = ("compose export",)
ARGUMENTS = (1, 1)
FLAGS = (
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
    ("output", "o", "string", "", "Write to a file, instead of STDOUT"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    container = project.one(session, arguments[0], options["index"], running=False)
    given = Values(inner.FLAGS)
    given["output"] = options["output"]
    return inner.main(session, given, [container.id])
