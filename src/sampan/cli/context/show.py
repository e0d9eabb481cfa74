"""`sampan context show`."""

from __future__ import annotations

from sampan.cli import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = ""
SHORT = "Show the name of the context in use"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    console.out(session.context)
    return 0
