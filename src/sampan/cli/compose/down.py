"""`sampan compose down`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import progress, project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICES]"
SHORT = "Stop and remove containers, networks"
ALIASES = ("compose down",)
ARGUMENTS = (0, None)
FLAGS = (
    ("remove-orphans", "", "bool", False, "Remove containers for services not defined in the Compose file"),
    ("rmi", "", "string", "", 'Remove images used by services ("local"|"all")'),
    ("timeout", "t", "int", 0, "Specify a shutdown timeout in seconds"),
    (
        "volumes",
        "v",
        "bool",
        False,
        "Remove named volumes declared in the Compose file and anonymous volumes attached to containers",
    ),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, loaded = project.load_if_any(session)
    from sampan.compose import observe, steps, teardown
    from sampan.compose.apply import Hands, Work, group
    from sampan.compose.model import Project

    found = Project(name)
    if loaded is not None:
        found = project.everything(session, loaded)
    observed = observe.observe(session.client, found, volumes=options["volumes"])
    wishes = teardown.Options(
        project.remove_orphans(options), options["volumes"], options["rmi"], frozenset(arguments)
    )
    groups = teardown.down(name, found if loaded is not None else None, observed, wishes)
    if session.group["dry-run"]:
        console.write(console.STDOUT, steps.text([step for level in groups for step in level]).encode())
        return 0
    if not groups:
        console.error("Warning: No resource found to remove for project " + f'"{name}".')
    work = Work(session.client, found, Hands(progress.report(session)))
    work.timeout = options["timeout"] if "timeout" in options.changed else None
    for level in groups:
        group(work, level)
    return 0
