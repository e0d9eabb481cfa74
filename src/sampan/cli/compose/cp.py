"""`sampan compose cp`."""

from __future__ import annotations

from sampan.cli.compose import project
from sampan.cli.container import cp as inner
from sampan.cli.flags import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-"
SHORT = "Copy files/folders between a service container and the local filesystem"
ALIASES = ("compose cp",)
ARGUMENTS = (2, 2)
FLAGS = (
    ("archive", "a", "bool", False, "Archive mode (copy all uid/gid information)"),
    ("follow-link", "L", "bool", False, "Always follow symbol link in SRC_PATH"),
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    given = Values(inner.FLAGS)
    given.update({name: options[name] for name in ("archive", "follow-link")})
    return inner.main(session, given, [_named(session, word, options["index"]) for word in arguments])


def _named(session: Session, argument: str, index: int) -> str:
    service, colon, path = argument.partition(":")
    if not colon or service.startswith((".", "/")):
        return argument
    _, found = project.containers(session, [service], all=True)
    found = [item for item in found if not index or item.number == index]
    return f"{found[0].id}:{path}" if found else f"{service}:{path}"
