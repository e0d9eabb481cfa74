"""`sampan port`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.container.ports import join
from sampan.client.container.inspect import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTAINER [PRIVATE_PORT[/PROTO]]"
SHORT = "Show where a container's ports are published"
ALIASES = ("container port", "port")
ARGUMENTS = (1, 2)
FLAGS = ()
_LARGEST = 65535


def main(session: Session, options: Values, arguments: list[str]) -> int:
    container = arguments[0]
    ports = inspect(session.client, container)["NetworkSettings"].get("Ports") or {}
    if len(arguments) == 1 or not arguments[1]:
        for port in sorted(ports, key=_order):
            for binding in ports[port] or ():
                console.out(f"{port} -> {join(binding['HostIp'], binding['HostPort'])}")
        return 0
    number, _, protocol = arguments[1].partition("/")
    _check(number)
    port = f"{number}/{protocol or 'tcp'}"
    if not ports.get(port):
        raise ExitWith(1, f"Error: No public port '{arguments[1]}' published for {container}")
    for binding in ports[port]:
        console.out(join(binding["HostIp"], binding["HostPort"]))
    return 0


def _check(number: str) -> None:
    if not (number.isascii() and number.isdigit()):
        reason = "invalid syntax"
    elif int(number[:6]) > _LARGEST:
        reason = "value out of range"
    else:
        return
    raise ExitWith(1, f'Error: invalid port ({number}): strconv.ParseUint: parsing "{number}": {reason}')


def _order(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return (int(number) if number.isdigit() else 0), protocol
