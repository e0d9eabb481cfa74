"""`sampan volume prune`."""

from __future__ import annotations

from sampan.cli import pruning
from sampan.cli.console import ExitWith
from sampan.cli.flags import filters
from sampan.client.volume.prune import prune

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Remove volumes that no container uses"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (
    ("all", "a", "bool", False, "Remove all of them, not only those without a name"),
    ("filter", "", "filter", None, 'Remove what meets the conditions only ("label=x")'),
    pruning.FORCE,
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    wanted = filters(options["filter"])
    if options["all"]:
        if "all" in wanted:
            raise ExitWith(1, "conflicting options: cannot specify both --all and --filter all=1")
        wanted["all"] = ["true"]
    which = "all" if options["all"] else "anonymous"
    warning = f"This will remove {which} local volumes not used by at least one container."
    if options["force"] or pruning.agreed(warning):
        answer = prune(session.client, wanted)
        pruning.tell("Volumes", answer.get("VolumesDeleted") or (), answer["SpaceReclaimed"])
    return 0
