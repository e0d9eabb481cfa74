"""`sampan wait`."""

from __future__ import annotations

from sampan.cli import console
from sampan.client.container.wait import wait
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTAINER [CONTAINER...]"
SHORT = "Wait until one or more containers stop, and print their exit codes"
ALIASES = ("container wait", "wait")
ARGUMENTS = (1, None)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    status = 0
    for name in arguments:
        try:
            console.out(str(wait(session.client, name)))
        except SampanError as error:
            console.error(str(error))
            status = 1
    return status
