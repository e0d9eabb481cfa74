"""`sampan compose exec`: a terminal unless `-T` says otherwise."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project
from sampan.cli.container import exec as inner
from sampan.cli.flags import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE COMMAND [ARGS...]"
SHORT = "Execute a command in a running container"
ALIASES = ("compose exec",)
ARGUMENTS = (2, None)
INTERSPERSED = False
FLAGS = (
    ("detach", "d", "bool", False, "Detached mode: Run command in the background"),
    ("env", "e", "list", None, "Set environment variables"),
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
    ("interactive", "i", "bool", True, ""),
    ("no-TTY", "T", "bool", False, "Disable pseudo-TTY allocation"),
    ("privileged", "", "bool", False, "Give extended privileges to the process"),
    ("tty", "t", "bool", True, ""),
    ("user", "u", "string", "", "Run the command as this user"),
    ("workdir", "w", "string", "", "Path to workdir directory for this command"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    service, *command = arguments
    container = project.one(session, service, options["index"])
    if session.group["dry-run"]:
        console.error(f"execute in {container.name}: {' '.join(command)}")
        return 0
    tty = console.is_terminal(console.STDIN) and console.is_terminal(console.STDOUT)
    given = Values(inner.FLAGS)
    given.update({name: options[name] for name in ("detach", "env", "privileged", "user", "workdir")})
    given["tty"] = tty and options["tty"] and not options["no-TTY"]
    given["interactive"] = options["interactive"] and not options["detach"]
    return inner.main(session, given, [container.id, *command])
