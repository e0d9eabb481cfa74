"""`sampan start`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.client.container.start import start
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
SHORT = "Start one or more stopped containers"
ALIASES = ("container start", "start")
ARGUMENTS = (1, None)
FLAGS = (
    ("attach", "a", "bool", False, "Attach STDOUT and STDERR, and pass signals on"),
    ("detach-keys", "", "string", "", "Keys that detach from the container"),
    ("interactive", "i", "bool", False, "Attach the container's STDIN"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["attach"] or options["interactive"]:
        if len(arguments) > 1:
            raise ExitWith(1, "you cannot start and attach multiple containers at once")
        return _start_attached(session, options, arguments[0])
    failed = []
    for name in arguments:
        try:
            start(session.client, name)
        except SampanError as error:
            console.error(str(error))
            failed.append(name)
        else:
            console.out(name)
    if failed:
        raise ExitWith(1, f"Error: failed to start containers: {', '.join(failed)}")
    return 0


def _start_attached(session: Session, options: Values, container: str) -> int:
    from sampan.cli.container.session import check_terminal, copy, show_terminal
    from sampan.client.container import attach, wait
    from sampan.client.container.inspect import inspect
    from sampan.client.container.resize import resize

    client = session.client
    found = inspect(client, container)
    identity, config = found["Id"], found["Config"]
    tty = bool(config["Tty"])
    stdin = options["interactive"] and bool(config["OpenStdin"])
    check_terminal(stdin=stdin, tty=tty)
    keys = session.detach_keys(options["detach-keys"])
    if not tty:
        from sampan.cli.container.signals import proxy

        proxy(client.another(), identity)
    exchange = attach.begin(client, identity, stdin=stdin, stdout=True, stderr=True, detach_keys=keys)
    removed = bool(found["HostConfig"].get("AutoRemove"))
    waiting = wait.begin(client, identity, "removed" if removed else "next-exit")
    exchange.head()
    waiting.head()
    start(client, identity, keys)
    if not tty:
        copy(exchange, stdin=stdin, keys=keys)
        return wait.end(waiting)
    other = client.another()
    detached = show_terminal(
        exchange,
        stdin=stdin,
        keys=keys,
        resize=lambda height, width: resize(other, identity, height, width),
        ready=lambda terminal: terminal.fit(),
    )
    return 0 if detached else wait.end(waiting)
