"""`sampan commit`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.image import reference
from sampan.client.container.commit import commit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]"
SHORT = "Create a new image from a container's changes"
ALIASES = ("container commit", "commit")
ARGUMENTS = (1, 2)
FLAGS = (
    ("author", "a", "string", "", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    ("change", "c", "list", None, "Apply Dockerfile instruction to the created image"),
    ("message", "m", "string", "", "Commit message"),
    ("pause", "p", "bool", True, "Pause container during commit"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    repository, tag = "", ""
    if len(arguments) > 1 and arguments[1]:
        name = reference.parse(arguments[1])
        repository, tag = name.familiar, name.tag or ""
    made = commit(
        session.client,
        arguments[0],
        (repository, tag),
        author=options["author"],
        message=options["message"],
        changes=options["change"],
        pause=options["pause"],
    )
    console.out(made)
    return 0
