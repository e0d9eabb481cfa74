"""`sampan compose attach`."""

from __future__ import annotations

from sampan.cli.compose import project
from sampan.cli.container import attach as inner
from sampan.cli.flags import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE"
SHORT = "Attach local standard input, output, and error streams to a service's running container"
ALIASES = ("compose attach",)
ARGUMENTS = (1, 1)
FLAGS = (
    ("detach-keys", "", "string", "", "Override the key sequence for detaching from a container"),
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
    ("no-stdin", "", "bool", False, "Do not attach STDIN"),
    ("sig-proxy", "", "bool", True, "Proxy all received signals to the process"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    container = project.one(session, arguments[0], options["index"])
    given = Values(inner.FLAGS)
    given.update({name: options[name] for name in ("detach-keys", "no-stdin", "sig-proxy")})
    return inner.main(session, given, [container.id])
