"""`sampan compose top`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.cli.compose import project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[SERVICES...]"
SHORT = "Display the running processes"
ALIASES = ("compose top",)
ARGUMENTS = (0, None)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    _, found = project.containers(session, arguments, all=False)
    from sampan.client.container.top import top

    lines: list[list[str]] = []
    for item in found:
        answer = top(session.client, item.id)
        if not lines:
            lines.append(["SERVICE", "#", *answer["Titles"]])
        lines += [[item.service, str(item.number), *process] for process in answer["Processes"] or ()]
    console.write(console.STDOUT, format.table(lines, 0).encode())
    return 0
