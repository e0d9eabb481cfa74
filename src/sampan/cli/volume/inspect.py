"""`sampan volume inspect`."""

from __future__ import annotations

from sampan.cli import inspection
from sampan.client.volume.inspect import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] VOLUME [VOLUME...]"
SHORT = "Show everything about one or more volumes"
ALIASES = ()
ARGUMENTS = (1, None)
FLAGS = (inspection.FORMAT,)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    def find(name: str) -> Any:
        return inspect(session.client, name)

    return inspection.show(arguments, options["format"], find, "volume.Volume")
