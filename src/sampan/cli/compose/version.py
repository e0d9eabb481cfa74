"""`sampan compose version`."""

from __future__ import annotations

from sampan.cli import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Show the Docker Compose version information"
ALIASES = ("compose version",)
ARGUMENTS = (0, 0)
FLAGS = (
    ("format", "f", "string", "pretty", "Format the output. Values: [pretty | json]"),
    ("short", "", "bool", False, "Shows only Compose's version number"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    from sampan.compose.labels import COMPOSE

    if options["short"]:
        console.out(COMPOSE)
    elif options["format"] == "json":
        console.out(f'{{"version":"v{COMPOSE}"}}')
    else:
        console.out(f"Docker Compose version v{COMPOSE}")
    return 0
