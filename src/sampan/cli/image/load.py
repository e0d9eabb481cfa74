"""`sampan load`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.image import archive, progress
from sampan.client.image.load import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Load images from an archive, or from STDIN"
ALIASES = ("image load", "load")
ARGUMENTS = (0, 0)
FLAGS = (
    ("input", "i", "string", "", "Read from this file instead of STDIN"),
    ("quiet", "q", "bool", False, "Do not show progress"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    path = options["input"] or "-"
    if path == "-" and console.is_terminal(console.STDIN):
        raise ExitWith(1, "requested load from stdin, but stdin is empty")
    quiet = options["quiet"] or not console.is_terminal(console.STDOUT)
    exchange = load(session.client, archive.pieces(path), quiet=quiet)
    progress.follow(exchange, progress.display(console.STDOUT))
    return 0
