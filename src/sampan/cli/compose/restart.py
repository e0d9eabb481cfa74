"""`sampan compose restart`."""

from __future__ import annotations

from sampan.cli.compose import project, several

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Restart service containers"
ALIASES = ("compose restart",)
ARGUMENTS = (0, None)
FLAGS = (
    ("no-deps", "", "bool", False, "Don't restart dependent services"),
    ("timeout", "t", "int", 0, "Specify a shutdown timeout in seconds"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    _, found = project.containers(session, arguments, all=True)
    from sampan.client.container import restart
    from sampan.compose import teardown

    timeout = options["timeout"] if "timeout" in options.changed else None
    for level in reversed(teardown.levels(found)):
        several.ask(
            session,
            level,
            ("Restarting", "Started"),
            lambda client, item: restart.begin(client, item.id, timeout),
        )
    return 0
