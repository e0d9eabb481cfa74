"""`sampan compose stop`."""

from __future__ import annotations

from sampan.cli.compose import project, several

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Stop services"
ALIASES = ("compose stop",)
ARGUMENTS = (0, None)
FLAGS = (("timeout", "t", "int", 0, "Specify a shutdown timeout in seconds"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    _, found = project.containers(session, arguments, all=False)
    several.stop(session, found, options["timeout"] if "timeout" in options.changed else None)
    return 0
