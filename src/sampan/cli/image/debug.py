"""`sampan debug`: into the file system of a build step that has failed."""

from __future__ import annotations

from sampan.cli.container import run
from sampan.client.image.build import debug
from sampan.client.image.rmi import rmi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [STEP] [COMMAND] [ARG...]"
SHORT = "Enter the file system of a failed build step"
ALIASES = ("debug",)
ARGUMENTS = (0, None)
INTERSPERSED = False
FLAGS = run.FLAGS


def main(session: Session, options: Values, arguments: list[str]) -> int:
    """The last step that failed, where none is named. What is changed there is gone afterwards."""
    image = debug(session.client, arguments[0] if arguments else "")
    options["rm"] = True
    options.changed.add("rm")
    if len(arguments) < 2:
        from sampan.cli import console

        options["interactive"] = True
        options["tty"] = console.is_terminal(console.STDIN)
        options.changed |= {"interactive", "tty"}
    try:
        return run.main(session, options, [image, *(arguments[1:] or ["/bin/sh"])])
    finally:
        rmi(session.client.another(), image, force=True)
