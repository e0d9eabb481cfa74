"""`sampan rm`."""

from __future__ import annotations

from sampan.cli.container.several import together
from sampan.client.container.rm import begin
from sampan.errors import InvalidArgument, NotFound, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.client.connection import Exchange

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
    def remove(name: str) -> Exchange:
        name = name.strip("/")
        if not name:
            raise InvalidArgument("container name cannot be empty")
        force, volumes, link = options["force"], options["volumes"], options["link"]
        return begin(session.client, name, force=force, volumes=volumes, link=link)

    def forgive(error: SampanError) -> bool:
        """With -f one that is missing is as wanted."""
        return bool(options["force"]) and isinstance(error, NotFound)

    return together(arguments, remove, forgive)
