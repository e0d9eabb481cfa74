"""`sampan container inspect`."""

from __future__ import annotations

from sampan.cli import inspection
from sampan.client.container.inspect import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
SHORT = "Show everything about one or more containers"
ALIASES = ()
ARGUMENTS = (1, None)
FLAGS = (inspection.FORMAT, ("size", "s", "bool", False, "Show file sizes"))


def main(session: Session, options: Values, arguments: list[str]) -> int:
    def find(name: str) -> object:
        return inspect(session.client, name, size=options["size"])

    return inspection.show(arguments, options["format"], find)
