"""`sampan compose cp`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project
from sampan.cli.console import ExitWith
from sampan.cli.container import cp as inner
from sampan.cli.flags import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n\tsampan compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH"
SHORT = "Copy files/folders between a service container and the local filesystem"
ALIASES = ("compose cp",)
ARGUMENTS = (2, 2)
FLAGS = (
    ("archive", "a", "bool", False, "Archive mode (copy all uid/gid information)"),
    ("follow-link", "L", "bool", False, "Always follow symbol link in SRC_PATH"),
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    local = [_is_local(word) for word in arguments]
    if all(local):
        raise ExitWith(1, "unknown copy direction")
    if not any(local):
        raise ExitWith(1, "copying between services is not supported")
    if session.group["dry-run"]:
        console.error(f"copy {arguments[0]} to {arguments[1]}")
        return 0
    given = Values(inner.FLAGS)
    given.update({name: options[name] for name in ("archive", "follow-link")})
    return inner.main(session, given, [_named(session, word, options["index"]) for word in arguments])


def _is_local(argument: str) -> bool:
    service, colon, _ = argument.partition(":")
    return not colon or service.startswith((".", "/"))


def _named(session: Session, argument: str, index: int) -> str:
    if _is_local(argument):
        return argument
    service, _, path = argument.partition(":")
    _, found = project.containers(session, [service], all=True)
    found = [item for item in found if not index or item.number == index]
    if not found:
        raise ExitWith(1, f"no container found for service {service}")
    return f"{found[0].id}:{path}"
