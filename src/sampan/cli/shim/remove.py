"""`sampan shim remove`."""

from __future__ import annotations

import os

from sampan.cli import console
from sampan.cli.shim import links
from sampan.errors import Forbidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "DIR"
SHORT = "Remove the links docker and docker-compose from a directory"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    for path in links.checked(arguments[0]):
        if not os.path.lexists(path):
            continue
        try:
            os.unlink(path)
        except OSError as error:
            raise Forbidden(f"cannot remove {path}: {error.strerror}") from None
        console.out(path)
    return 0
