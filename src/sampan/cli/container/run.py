"""`sampan run`.

Round trips: create; then attach and wait, both in flight at once on connections of their own, for
both must be known to the daemon before the start; start; the streams; and the exit code arrives by itself.
"""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.container import creation
from sampan.cli.container import options as shared
from sampan.cli.container.session import check_terminal, copy, show_terminal, with_help
from sampan.client.container import attach, start, wait
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.container.terminal import Terminal
    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.client.connection import Exchange

USAGE = "[OPTIONS] IMAGE [COMMAND] [ARG...]"
SHORT = "Create a container from an image and run it"
ALIASES = ("container run", "run")
ARGUMENTS = (1, None)
INTERSPERSED = False
FLAGS = (
    *shared.FLAGS,
    ("detach", "d", "bool", False, "Leave the container alone and print its ID"),
    ("detach-keys", "", "string", "", "Keys that detach from the container"),
    ("sig-proxy", "", "bool", True, "Pass signals on to the process"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    try:
        return _run(session, options, arguments)
    except SampanError as error:
        raise ExitWith(125, with_help(str(error), "run")) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        text = f"open {error.filename}: {reason}" if error.filename is not None else reason
        raise ExitWith(125, with_help(text, "run")) from None


def _run(session: Session, options: Values, arguments: list[str]) -> int:
    config = shared.config(options, arguments[0], arguments[1:])
    if options["detach"]:
        shared.detached(options, config)
    else:
        check_terminal(stdin=config["AttachStdin"], tty=options["tty"])
    if options["tty"]:
        _set_console_size(config)
    identity = _make(session, options, config)
    if options["detach"]:
        _start(session, identity, "", None)
        console.out(identity)
        return 0
    return attached(session, options, config, identity)


def attached(session: Session, options: Values, config: dict[str, Any], identity: str) -> int:
    """Start a created container with our streams on its own: its exit status."""
    client = session.client
    tty, stdin = options["tty"], config["AttachStdin"]
    keys = session.detach_keys(options["detach-keys"]) if tty else options["detach-keys"]
    if options["sig-proxy"] and not tty:
        from sampan.cli.container.signals import proxy

        proxy(client.another(), identity)
    exchange = attach.begin(
        client,
        identity,
        stdin=stdin,
        stdout=config["AttachStdout"],
        stderr=config["AttachStderr"],
        detach_keys=keys,
    )
    waiting = wait.begin(client, identity, "removed" if options["rm"] else "next-exit")
    exchange.head()
    waiting.head()
    if not tty:
        _start(session, identity, keys, waiting if options["rm"] else None)
        copy(exchange, stdin=stdin, keys=keys)
        return wait.end(waiting)

    from sampan.client.container.resize import resize

    other = client.another()

    def ready(terminal: Terminal) -> None:
        _start(session, identity, keys, waiting if options["rm"] else None)
        terminal.fit()

    detached = show_terminal(
        exchange,
        stdin=stdin,
        keys=keys,
        resize=lambda height, width: resize(other, identity, height, width),
        ready=ready,
    )
    return 0 if detached else wait.end(waiting)


def _make(session: Session, options: Values, config: dict[str, Any]) -> str:
    try:
        return creation.make(session, options, config)
    except SampanError as error:
        raise ExitWith(_status(str(error)), with_help(str(error), "run")) from None


def _start(session: Session, identity: str, keys: str, removal: Exchange | None) -> None:
    """Start it. When that fails: with `removal` see it removed, and leave with the status that says why."""
    try:
        start.start(session.client, identity, keys)
    except SampanError as error:
        if removal is not None:
            wait.end(removal)
        raise ExitWith(_status(str(error)), with_help(str(error), "run")) from None


def _status(text: str) -> int:
    """126, 127 or 125. The API gives nothing but words to tell them by; these are the ones that Docker's
    client looks for.
    """
    if any(part in text for part in ("executable file not found", "no such file or directory")):
        return 127
    if "permission denied" in text or "is a directory" in text:
        return 126
    return 125


def _set_console_size(config: dict[str, Any]) -> None:
    from sampan.cli.container.terminal import size

    current = size()
    if current is not None:
        config["HostConfig"]["ConsoleSize"] = list(current)
