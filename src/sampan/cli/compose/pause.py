"""`sampan compose pause`."""

from __future__ import annotations

from sampan.cli.compose import project, several

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[SERVICE...]"
SHORT = "Pause services"
ALIASES = ("compose pause",)
ARGUMENTS = (0, None)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    _, found = project.containers(session, arguments, all=False)
    from sampan.client.container import pause

    several.ask(session, found, ("Pausing", "Paused"), lambda client, item: pause.begin(client, item.id))
    return 0
