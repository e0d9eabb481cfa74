"""`sampan network prune`."""

from __future__ import annotations

from sampan.cli import pruning
from sampan.cli.flags import filters
from sampan.client.network.prune import prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Remove all networks that no container uses"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (pruning.FILTER, pruning.FORCE)
_WARNING = "This will remove all custom networks not used by at least one container."


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["force"] or pruning.agreed(_WARNING):
        answer = prune(session.client, filters(options["filter"]))
        pruning.tell("Networks", answer.get("NetworksDeleted") or (), None)
    return 0
