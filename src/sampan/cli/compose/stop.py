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
    from sampan.client.container import stop
    from sampan.compose import teardown

    timeout = options["timeout"] if "timeout" in options.changed else None
    for level in teardown.levels(found):
        several.ask(
            session,
            level,
            ("Stopping", "Stopped"),
            lambda client, item: stop.begin(client, item.id, timeout),
        )
    return 0
