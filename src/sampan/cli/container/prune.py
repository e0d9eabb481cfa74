"""`sampan container prune`."""

from __future__ import annotations

from sampan.cli import pruning
from sampan.cli.flags import filters
from sampan.client.container.prune import prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Remove all containers that do not run"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (pruning.FILTER, pruning.FORCE)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["force"] or pruning.agreed("This will remove all stopped containers."):
        answer = prune(session.client, filters(options["filter"]))
        pruning.tell("Containers", answer.get("ContainersDeleted") or (), answer["SpaceReclaimed"])
    return 0
