"""`sampan exec`."""

from __future__ import annotations

from sampan.cli.console import ExitWith
from sampan.cli.container.session import NOT_A_TERMINAL, copy, show_terminal
from sampan.client.container import exec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER COMMAND [ARG...]"
SHORT = "Run a command in a running container"
ALIASES = ("container exec", "exec")
ARGUMENTS = (2, None)
INTERSPERSED = False
FLAGS = (
    ("detach", "d", "bool", False, "Leave the command alone"),
    ("detach-keys", "", "string", "", "Keys that detach from the command"),
    ("env", "e", "list", None, "Set environment variables"),
    ("env-file", "", "list", None, "Read environment variables from a file"),
    ("interactive", "i", "bool", False, "Keep STDIN open, attached or not"),
    ("privileged", "", "bool", False, "Lift the restrictions for the command"),
    ("tty", "t", "bool", False, "Give the command a terminal"),
    ("user", "u", "string", "", 'User to run as ("<name|uid>[:<group|gid>]")'),
    ("workdir", "w", "string", "", "Working directory in the container"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    container, *command = arguments
    tty, stdin, detach = options["tty"], options["interactive"], options["detach"]
    if tty and stdin and not detach:
        _check_terminal(session, container)
    keys = session.detach_keys(options["detach-keys"]) if tty else options["detach-keys"]
    config = _config(options, command, keys)
    identity = exec.create(session.client, container, config)
    if detach:
        exec.start(session.client, identity, tty=tty)
        return 0
    if tty:
        if _run_terminal(session, identity, stdin=stdin, keys=keys):
            return 0
    else:
        copy(exec.attach(session.client, identity), stdin=stdin, keys=keys)
    return int(exec.inspect(session.client, identity).get("ExitCode") or 0)


def _config(options: Values, command: list[str], keys: str) -> dict[str, Any]:
    attached = not options["detach"]
    config: dict[str, Any] = {"Cmd": command, "AttachStdout": attached, "AttachStderr": attached}
    if options["interactive"]:
        config["AttachStdin"] = attached
    for flag, field in (
        ("tty", "Tty"),
        ("privileged", "Privileged"),
        ("user", "User"),
        ("workdir", "WorkingDir"),
    ):
        if options[flag]:
            config[field] = options[flag]
    if options["env"] or options["env-file"]:
        from sampan.cli.container import environment

        config["Env"] = environment.variables(options["env-file"], options["env"])
    if keys:
        config["DetachKeys"] = keys
    if options["tty"] and attached:
        from sampan.cli.container.terminal import size

        current = size()
        if current is not None:
            config["ConsoleSize"] = list(current)
    return config


def _run_terminal(session: Session, identity: str, *, stdin: bool, keys: str) -> bool:
    from sampan.cli.container.terminal import size
    from sampan.client.container.resize import resize_exec

    other = session.client.another()
    return show_terminal(
        exec.attach(session.client, identity, tty=True, size=size()),
        stdin=stdin,
        keys=keys,
        resize=lambda height, width: resize_exec(other, identity, height, width),
        ready=lambda terminal: terminal.fit(),
    )


def _check_terminal(session: Session, container: str) -> None:
    from sampan.cli import console
    from sampan.client.container.inspect import inspect

    if not console.is_terminal(console.STDIN):
        inspect(session.client, container)  # one that is missing is the error to report
        raise ExitWith(1, NOT_A_TERMINAL)
