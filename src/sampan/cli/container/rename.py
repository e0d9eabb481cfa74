"""`sampan rename`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.client.container.rename import rename
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTAINER NEW_NAME"
SHORT = "Give a container another name"
ALIASES = ("container rename", "rename")
ARGUMENTS = (2, 2)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    old, new = (name.strip() for name in arguments)
    if not old or not new:
        raise ExitWith(1, "Error: Neither old nor new names may be empty")
    try:
        rename(session.client, old, new)
    except SampanError as error:
        console.error(str(error))
        raise ExitWith(1, f"Error: failed to rename container named {old}") from None
    return 0
