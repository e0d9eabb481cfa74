"""`sampan compose watch`."""

from __future__ import annotations

import select

from sampan.cli.compose import converge, project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Watch build context for service and rebuild/refresh containers when files are updated"
ALIASES = ("compose watch",)
ARGUMENTS = (0, None)
FLAGS = (
    ("no-up", "", "bool", False, "Do not build & start services before watching"),
    ("prune", "", "bool", True, "Prune dangling images on rebuild"),
    ("quiet", "", "bool", False, "Hide build output"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    loaded = project.load(session)
    found = project.model(session, loaded, arguments)
    from sampan.cli.compose.watcher import Watcher
    from sampan.compose import develop, plan
    from sampan.compose.apply import apply

    develop.rules(found)  # nothing is started for what cannot be watched
    wishes = plan.Options(build=True)
    if session.group["dry-run"]:
        return converge.dry_run(session, found, wishes)
    if not options["no-up"]:
        work, steps, _ = converge.prepare(session, found, wishes, quiet_build=options["quiet"])
        apply(work, steps)
    watcher = Watcher(session, found, quiet=options["quiet"], prune=options["prune"])
    poll = select.poll()
    poll.register(watcher.fileno(), select.POLLIN)
    while True:
        poll.poll()
        watcher.readable()
