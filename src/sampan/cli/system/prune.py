"""`sampan system prune`."""

from __future__ import annotations

from sampan.cli import console, format, pruning
from sampan.cli.console import ExitWith
from sampan.cli.flags import filters
from sampan.cli.image.prune import lines, with_dangling
from sampan.client.connection import filters as encoded
from sampan.client.container import prune as containers
from sampan.client.image import prune as images
from sampan.client.network import prune as networks
from sampan.client.volume import prune as volumes
from sampan.errors import Unsupported
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Remove unused data"
ALIASES = ()
ARGUMENTS = (0, 0)
FLAGS = (
    ("all", "a", "bool", False, "Remove all unused images not just dangling ones"),
    pruning.FILTER,
    pruning.FORCE,
    ("volumes", "", "bool", False, "Prune anonymous volumes"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    wanted = filters(options["filter"])
    if options["volumes"] and "until" in wanted:
        raise ExitWith(1, 'ERROR: The "until" filter is not supported with "--volumes"')
    if not options["force"] and not pruning.agreed(_warning(options, wanted)):
        return 0
    space = 0
    for kind, names, freed in _pruned(session, options, wanted):
        pruning.tell(kind, names, None)
        space += freed
    console.out(f"Total reclaimed space: {format.size(space)}")
    return 0


def _warning(options: Values, wanted: dict[str, list[str]]) -> str:
    """Docker's, with its blank line before the question."""
    going = ["all stopped containers", "all networks not used by at least one container"]
    if options["volumes"]:
        going.append("all anonymous volumes not used by at least one container")
    if options["all"]:
        going += ["all images without at least one container associated to them", "all build cache"]
    else:
        going += ["all dangling images", "unused build cache"]
    text = "This will remove:\n" + "".join(f"  - {one}\n" for one in going)
    if wanted:
        text += "\n  Items to be pruned will be filtered with:\n"
        text += "".join(f"  - {name}={value}\n" for name in sorted(wanted) for value in wanted[name])
    return text


def _pruned(
    session: Session, options: Values, wanted: dict[str, list[str]]
) -> list[tuple[str, list[str], int]]:
    client, done = session.client, []
    answer = containers.prune(client, wanted)
    done.append(("Containers", list(answer.get("ContainersDeleted") or ()), answer["SpaceReclaimed"]))
    answer = networks.prune(client, wanted)
    done.append(("Networks", list(answer.get("NetworksDeleted") or ()), 0))
    if options["volumes"]:
        answer = volumes.prune(client, wanted)
        done.append(("Volumes", list(answer.get("VolumesDeleted") or ()), answer["SpaceReclaimed"]))
    answer = images.prune(client, with_dangling(wanted, every=options["all"]))
    done.append(("Images", lines(answer), answer["SpaceReclaimed"]))
    answer = _cache(session, options, wanted)
    done.append(
        ("build cache objects", list(answer.get("CachesDeleted") or ()), answer.get("SpaceReclaimed", 0))
    )
    return done


def _cache(session: Session, options: Values, wanted: dict[str, list[str]]) -> dict[str, Any]:
    pairs = encoded(wanted)
    if options["all"]:
        pairs = [("all", "1"), *pairs]
    try:
        found: dict[str, Any] = session.client.call("POST", "/build/prune" + http.query(pairs)) or {}
    except Unsupported:  # this daemon does not build
        return {}
    return found
