"""`sampan builder prune`."""

from __future__ import annotations

from sampan.cli import pruning
from sampan.cli.console import ExitWith
from sampan.cli.flags import filters
from sampan.client.builder.prune import prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Remove build cache"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (
    ("all", "a", "bool", False, "Remove what images share, too"),
    pruning.FILTER,
    pruning.FORCE,
    ("keep-storage", "", "bytes", 0, "Amount of disk space to keep for cache"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    kind = "all build cache" if options["all"] else "all dangling build cache"
    if not options["force"] and not pruning.agreed(f"This will remove {kind}."):
        raise ExitWith(1, "builder prune has been cancelled")
    chosen = filters(options["filter"])
    found = prune(session.client, chosen, everything=options["all"], keep=options["keep-storage"])
    pruning.tell("build cache objects", found.get("CachesDeleted") or (), found.get("SpaceReclaimed") or 0)
    return 0
