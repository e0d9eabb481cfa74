"""`sampan network rm`."""

from __future__ import annotations

from sampan.cli import console
from sampan.client.network.rm import rm
from sampan.errors import NotFound, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "NETWORK [NETWORK...]"
SHORT = "Remove one or more networks"
ALIASES = ("network rm", "network remove")
ARGUMENTS = (1, None)
FLAGS = (("force", "f", "bool", False, "A network that is not there is no error"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    status = 0
    for name in arguments:
        try:
            rm(session.client, name)
        except NotFound as error:
            if not options["force"]:
                console.error(str(error))
                status = 1
            continue
        except SampanError as error:
            console.error(str(error))
            status = 1
            continue
        console.out(name)
    return status
