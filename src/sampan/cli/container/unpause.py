"""`sampan unpause`."""

from __future__ import annotations

from sampan.cli.container.several import each
from sampan.client.container.unpause import unpause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTAINER [CONTAINER...]"
SHORT = "Let the processes of one or more paused containers go on"
ALIASES = ("container unpause", "unpause")
ARGUMENTS = (1, None)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    return each(arguments, lambda name: unpause(session.client, name))
