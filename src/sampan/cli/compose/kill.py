"""`sampan compose kill`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project, several

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Force stop service containers"
ALIASES = ("compose kill",)
ARGUMENTS = (0, None)
FLAGS = (
    ("remove-orphans", "", "bool", False, "Remove containers for services not defined in the Compose file"),
    ("signal", "s", "string", "SIGKILL", "SIGNAL to send to the container"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, found = project.containers(session, arguments, all=False)
    from sampan.client.container import kill

    if not options["remove-orphans"]:
        found = project.of_files(session, found)
    if not found:
        console.error(f"no container to kill in project {name}")
        return 0
    signal = options["signal"]
    several.ask(
        session, found, ("Killing", "Killed"), lambda client, item: kill.begin(client, item.id, signal)
    )
    return 0
