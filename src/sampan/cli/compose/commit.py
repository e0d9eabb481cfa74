"""`sampan compose commit`."""

from __future__ import annotations

from sampan.cli.compose import progress, project
from sampan.cli.container import commit as inner
from sampan.cli.flags import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE [REPOSITORY[:TAG]]"
SHORT = "Create a new image from a service container's changes"
ALIASES = ("compose commit",)
ARGUMENTS = (1, 2)
FLAGS = (
    ("author", "a", "string", "", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    ("change", "c", "list", None, "Apply Dockerfile instruction to the created image"),
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
    ("message", "m", "string", "", "Commit message"),
    ("pause", "p", "bool", True, "Pause container during commit"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    service, *image = arguments
    container = project.one(session, service, options["index"], running=False)
    if session.group["dry-run"]:
        progress.report(session)("Container", container.name, "Committed")
        return 0
    given = Values(inner.FLAGS)
    given.update({name: options[name] for name in ("author", "change", "message", "pause")})
    return inner.main(session, given, [container.id, *image])
