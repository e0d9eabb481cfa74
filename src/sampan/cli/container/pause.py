"""`sampan pause`."""

from __future__ import annotations

from sampan.cli.container.several import each
from sampan.client.container.pause import pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTAINER [CONTAINER...]"
SHORT = "Pause all processes in one or more containers"
ALIASES = ("container pause", "pause")
ARGUMENTS = (1, None)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    return each(arguments, lambda name: pause(session.client, name))
