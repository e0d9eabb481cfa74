"""`sampan stop`."""

from __future__ import annotations

from sampan.cli.container.several import together
from sampan.client.container.stop import begin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
SHORT = "Stop one or more running containers"
ALIASES = ("container stop", "stop")
ARGUMENTS = (1, None)
FLAGS = (
    ("signal", "s", "string", "", "Signal that asks the container to end"),
    ("timeout", "t", "int", 0, "Seconds to wait before the container is killed"),
    ("time", "", "int", 0, ""),  # Docker's name for --timeout until 28
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    timeout = None
    for flag in ("time", "timeout"):
        if flag in options.changed:
            timeout = options[flag]
    return together(arguments, lambda name: begin(session.client, name, timeout, options["signal"]))
