"""`sampan top`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.client.container.top import top

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTAINER [ps OPTIONS]"
SHORT = "Show the processes that run in a container"
ALIASES = ("container top", "top")
ARGUMENTS = (1, None)
INTERSPERSED = False  # what follows the name is for ps
FLAGS = ()
_WIDTH = 20  # docker/cli, cli/command/container/top.go: tabwriter.NewWriter(out, 20, 1, 3, ' ', 0)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    answer = top(session.client, arguments[0], " ".join(arguments[1:]))
    lines = [[format.plain(cell) for cell in row] for row in (answer["Titles"], *(answer["Processes"] or ()))]
    console.write(console.STDOUT, format.table(lines, _WIDTH).encode("utf-8", "surrogateescape"))
    return 0
