"""`sampan rm`."""

from __future__ import annotations

from sampan.cli import console
from sampan.client.container.rm import rm
from sampan.errors import NotFound, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
SHORT = "Remove one or more containers"
ALIASES = ("container rm", "container remove", "rm")
ARGUMENTS = (1, None)
FLAGS = (
    ("force", "f", "bool", False, "Remove a running container too (it gets SIGKILL)"),
    ("link", "l", "bool", False, "Remove the link of this name, not the container"),
    ("volumes", "v", "bool", False, "Remove the container's anonymous volumes with it"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    status = 0
    for name in arguments:
        wanted = name.strip("/")
        try:
            if not wanted:
                raise NotFound("container name cannot be empty")
            rm(
                session.client,
                wanted,
                force=options["force"],
                volumes=options["volumes"],
                link=options["link"],
            )
        except SampanError as error:
            console.error(str(error))
            if not (options["force"] and isinstance(error, NotFound)):  # with -f a missing one is as wanted
                status = 1
        else:
            console.out(name)
    return status
