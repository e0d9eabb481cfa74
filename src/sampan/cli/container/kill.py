"""`sampan kill`."""

from __future__ import annotations

from sampan.cli.container.several import together
from sampan.client.container.kill import begin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
SHORT = "Send a signal to one or more running containers, SIGKILL by default"
ALIASES = ("container kill", "kill")
ARGUMENTS = (1, None)
FLAGS = (("signal", "s", "string", "", "Signal to send to the container"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    return together(arguments, lambda name: begin(session.client, name, options["signal"]))
