"""`sampan completion`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.completion.scripts import SCRIPTS
from sampan.cli.console import PROGRAM
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "bash|fish|zsh"
SHORT = "Write the script by which a shell completes our words"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    script = SCRIPTS.get(arguments[0])
    if script is None:
        raise InvalidArgument(f'unknown shell "{arguments[0]}": there are {", ".join(SCRIPTS)}')
    console.write(console.STDOUT, script.replace("NAME", PROGRAM).encode())
    return 0
