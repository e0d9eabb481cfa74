"""`sampan attach`."""

from __future__ import annotations

from sampan.cli.console import ExitWith
from sampan.cli.container.session import check_terminal, copy, show_terminal
from sampan.client.container import attach, wait
from sampan.client.container.inspect import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER"
SHORT = "Attach standard input, output and error to a running container"
ALIASES = ("container attach", "attach")
ARGUMENTS = (1, 1)
FLAGS = (
    ("detach-keys", "", "string", "", "Keys that detach from the container"),
    ("no-stdin", "", "bool", False, "Do not attach STDIN"),
    ("sig-proxy", "", "bool", True, "Pass signals on to the process"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    container = arguments[0]
    found = inspect(session.client, container)
    _check_state(found["State"])
    stdin = not options["no-stdin"] and bool(found["Config"]["OpenStdin"])
    tty = bool(found["Config"]["Tty"])
    check_terminal(stdin=stdin, tty=tty)
    if options["sig-proxy"] and not tty:
        from sampan.cli.container.signals import proxy

        proxy(session.client.another(), found["Id"])
    keys = session.detach_keys(options["detach-keys"])
    return attached(session, found["Id"], stdin=stdin, tty=tty, keys=keys)


def attached(session: Session, identity: str, *, stdin: bool, tty: bool, keys: str) -> int:
    """Attach to a running container until it ends, or the user leaves: the exit status."""
    client = session.client
    waiting = wait.begin(client, identity)
    exchange = attach.begin(client, identity, stdin=stdin, stdout=True, stderr=True, detach_keys=keys)
    if not tty:
        copy(exchange, stdin=stdin, keys=keys)
        return wait.end(waiting)

    from sampan.client.container.resize import resize

    other = client.another()

    def set_size(height: int, width: int) -> None:
        resize(other, identity, height, width)

    detached = show_terminal(
        exchange, stdin=stdin, keys=keys, resize=set_size, ready=lambda terminal: terminal.fit()
    )
    return 0 if detached else wait.end(waiting)


def _check_state(state: dict[str, Any]) -> None:
    if state.get("Restarting"):
        raise ExitWith(1, "cannot attach to a restarting container, wait until it is running")
    if state.get("Paused"):
        raise ExitWith(1, "cannot attach to a paused container, unpause it first")
    if not state.get("Running"):
        raise ExitWith(1, "cannot attach to a stopped container, start it first")
