"""`sampan image inspect`."""

from __future__ import annotations

from sampan.cli import inspection
from sampan.client.image.inspect import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] IMAGE [IMAGE...]"
SHORT = "Show everything about one or more images"
ALIASES = ()
ARGUMENTS = (1, None)
FLAGS = (inspection.FORMAT,)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    return inspection.show(arguments, options["format"], lambda name: inspect(session.client, name))
