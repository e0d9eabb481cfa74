"""`sampan diff`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.client.container.diff import diff
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTAINER"
SHORT = "Show what a container has changed in its files"
ALIASES = ("container diff", "diff")
ARGUMENTS = (1, 1)
FLAGS = ()
_LETTERS = {0: "C", 1: "A", 2: "D"}


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if not arguments[0]:
        raise InvalidArgument("Container name cannot be empty")
    for change in diff(session.client, arguments[0]):
        console.out(f"{_LETTERS[change['Kind']]} {format.plain(change['Path'])}")
    return 0
