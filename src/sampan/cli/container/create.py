"""`sampan create`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.container import creation
from sampan.cli.container import options as shared
from sampan.cli.container.session import with_help
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] IMAGE [COMMAND] [ARG...]"
SHORT = "Create a container without starting it"
ALIASES = ("container create", "create")
ARGUMENTS = (1, None)
INTERSPERSED = False
FLAGS = shared.FLAGS


def main(session: Session, options: Values, arguments: list[str]) -> int:
    try:
        config = shared.config(options, arguments[0], arguments[1:])
        console.out(creation.make(session, options, config))
    except SampanError as error:
        raise ExitWith(125, with_help(str(error), "create")) from None
    return 0
