"""`sampan compose rm`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project, several

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Removes stopped service containers"
ALIASES = ("compose rm",)
ARGUMENTS = (0, None)
FLAGS = (
    ("force", "f", "bool", False, "Don't ask to confirm removal"),
    ("stop", "s", "bool", False, "Stop the containers, if required, before removing"),
    ("volumes", "v", "bool", False, "Remove any anonymous volumes attached to containers"),
)
_STOPPED = ("created", "exited", "dead")


def main(session: Session, options: Values, arguments: list[str]) -> int:
    _, found = project.containers(session, arguments, all=True)
    from sampan.client.container import rm

    if options["stop"]:
        running = [item for item in found if item.state not in _STOPPED]
        several.stop(session, running)
    else:
        found = [item for item in found if item.state in _STOPPED]
    if not found:
        console.error("No stopped containers")
        return 0
    console.error(f"Going to remove {', '.join(item.name for item in found)}")
    if not options["force"] and not session.group["dry-run"] and not _confirmed():
        return 0
    several.ask(
        session,
        found,
        ("Removing", "Removed"),
        lambda client, item: rm.begin(client, item.id, force=True, volumes=options["volumes"]),
    )
    return 0


def _confirmed() -> bool:
    import sys

    console.write(console.STDERR, b"? Are you sure? (y/N) ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
