"""`sampan compose port`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] SERVICE PRIVATE_PORT"
SHORT = "Print the public port for a port binding"
ALIASES = ("compose port",)
ARGUMENTS = (2, 2)
FLAGS = (
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
    ("protocol", "", "string", "tcp", "tcp or udp"),
)


_LARGEST = 65535


def main(session: Session, options: Values, arguments: list[str]) -> int:
    service, port = arguments
    if not port.isdigit() or int(port) > _LARGEST:
        reason = "value out of range" if port.isdigit() else "invalid syntax"
        raise ExitWith(1, f'strconv.ParseUint: parsing "{port}": {reason}')
    item = project.one(session, service, options["index"])
    for found in item.raw.get("Ports") or ():
        if found.get("PrivatePort") != int(port) or found.get("Type") != options["protocol"]:
            continue
        if found.get("PublicPort"):
            address = found.get("IP", "")
            console.out(f"{f'[{address}]' if ':' in address else address}:{found['PublicPort']}")
            return 0
    known = ", ".join(
        f"{found['PublicPort']}->{found['PrivatePort']}/{found['Type']}"
        for found in item.raw.get("Ports") or ()
        if found.get("PublicPort")
    )
    raise ExitWith(1, f"no port {port}/{options['protocol']} for container {item.name}: {known}")
