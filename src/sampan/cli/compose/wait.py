"""`sampan compose wait`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE [SERVICE...]"
SHORT = "Block until containers of all (or specified) services stop"
ALIASES = ("compose wait",)
ARGUMENTS = (1, None)
FLAGS = (("down-project", "", "bool", False, "Drops project when the first container stops"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, found = project.containers(session, arguments, all=False)
    from sampan.client.container import wait

    if not found:
        raise ExitWith(1, f'no containers for project "{name}": not found')
    asked = [(item, wait.begin(session.client, item.id)) for item in found]
    status = 0
    for item, exchange in asked:
        code = wait.end(exchange)
        console.out(f'container "{item.id}" exited with status code {code}')
        status = status or code
        if options["down-project"]:
            from sampan.cli.compose import down
            from sampan.cli.flags import Values

            down.main(session, Values(down.FLAGS), [])
            break
    return status
