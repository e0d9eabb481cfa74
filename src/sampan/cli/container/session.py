"""A container's streams on ours, from the open connection to the end: for run, start and attach."""

from __future__ import annotations

from sampan.cli.console import PROGRAM, ExitWith
from sampan.cli.container.streams import DetachKeys, Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.cli.container.terminal import Terminal
    from sampan.client.connection import Exchange

NOT_A_TERMINAL = "the input device is not a TTY"


def check_terminal(*, stdin: bool, tty: bool) -> None:
    """A terminal inside needs one outside, if ours is to be its keyboard."""
    from sampan.cli import console

    if tty and stdin and not console.is_terminal(console.STDIN):
        raise ExitWith(1, NOT_A_TERMINAL)


def copy(exchange: Exchange, *, stdin: bool, keys: str) -> None:
    """Framed output, until it ends."""
    connection, first = exchange.hijack()
    Streams(connection, tty=False, stdin=stdin).run(first)


def show_terminal(
    exchange: Exchange,
    *,
    stdin: bool,
    keys: str,
    resize: Callable[[int, int], None],
    ready: Callable[[Terminal], None],
) -> bool:
    """A terminal's bytes until they end; `ready` is called when the keyboard is theirs.

    True when the user typed the detach keys last, and so has left a container that runs on.
    """
    from sampan.cli.container.terminal import Terminal

    watch = DetachKeys(keys)
    connection, first = exchange.hijack()
    with Terminal(resize) as terminal:
        ready(terminal)
        Streams(connection, tty=True, stdin=stdin, watch=watch).run(first)
    return watch.typed()


def with_help(text: str, command: str) -> str:
    """An error of run and create, as Docker prints it."""
    return f"{PROGRAM}: {text}\n\nRun '{PROGRAM} {command} --help' for more information"
