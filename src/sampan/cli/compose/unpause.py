"""`sampan compose unpause`."""

from __future__ import annotations

from sampan.cli.compose import project, several

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[SERVICE...]"
SHORT = "Unpause services"
ALIASES = ("compose unpause",)
ARGUMENTS = (0, None)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    _, found = project.containers(session, arguments, all=False)
    from sampan.client.container import unpause

    several.ask(
        session, found, ("Unpausing", "Unpaused"), lambda client, item: unpause.begin(client, item.id)
    )
    return 0
