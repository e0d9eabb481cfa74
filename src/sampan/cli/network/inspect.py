"""`sampan network inspect`."""

from __future__ import annotations

from sampan.cli import inspection
from sampan.client.network.inspect import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] NETWORK [NETWORK...]"
SHORT = "Show everything about one or more networks"
ALIASES = ()
ARGUMENTS = (1, None)
FLAGS = (inspection.FORMAT, ("verbose", "v", "bool", False, "Show more, for diagnostics"))


def main(session: Session, options: Values, arguments: list[str]) -> int:
    def find(name: str) -> object:
        return inspect(session.client, name, verbose=options["verbose"])

    return inspection.show(arguments, options["format"], find)
