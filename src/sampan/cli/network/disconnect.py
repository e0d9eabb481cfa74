"""`sampan network disconnect`."""

from __future__ import annotations

from sampan.client.network.disconnect import disconnect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] NETWORK CONTAINER"
SHORT = "Take a container off a network"
ALIASES = ()
ARGUMENTS = (2, 2)
FLAGS = (("force", "f", "bool", False, "Also a container that does not answer"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    network, container = arguments
    disconnect(session.client, network, container, force=options["force"])
    return 0
