"""`sampan compose logs`."""

from __future__ import annotations

import select

from sampan.cli.compose import prefixed, project
from sampan.cli.compose.prefixed import Lines, Printer, short_name
from sampan.client.container import logs as request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.client.connection import Exchange
    from sampan.compose.observe import Container

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "View output from containers"
ALIASES = ("compose logs",)
ARGUMENTS = (0, None)
FLAGS = (
    ("follow", "f", "bool", False, "Follow log output"),
    ("index", "", "int", 0, "Index of the container if service has multiple replicas"),
    ("no-color", "", "bool", False, "Produce monochrome output"),
    ("no-log-prefix", "", "bool", False, "Don't print prefix in logs"),
    (
        "since",
        "",
        "string",
        "",
        'Show logs since timestamp ("2013-01-02T13:23:37Z") or relative ("42m" for 42 minutes)',
    ),
    ("tail", "n", "string", "all", "Number of lines to show from the end of the logs for each container"),
    ("timestamps", "t", "bool", False, "Show timestamps"),
    (
        "until",
        "",
        "string",
        "",
        'Show logs before a timestamp ("2013-01-02T13:23:37Z") or relative ("42m" for 42 minutes)',
    ),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, containers = project.containers(session, arguments, all=True)
    if options["index"]:
        containers = [item for item in containers if item.number == options["index"]]
    colour = prefixed.colour_wanted(session.group["ansi"], no_color=options["no-color"])
    names = [short_name(item.name, name) for item in containers]
    printer = Printer(names, colour=colour, prefix=not options["no-log-prefix"])
    sources = [_Source(session, item, options, printer, name) for item in containers]
    if options["follow"]:
        _together(sources)
    else:
        for source in sources:
            source.drain()
    return 0


class _Source:
    """One container's log."""

    def __init__(
        self, session: Session, item: Container, options: Values, printer: Printer, name: str
    ) -> None:
        from sampan.client.container.inspect import inspect

        client = session.client.another()
        tty = bool(inspect(client, item.id)["Config"]["Tty"])
        self._lines = Lines(printer, short_name(item.name, name), tty=tty)
        self._exchange: Exchange = request.logs(
            client,
            item.id,
            follow=options["follow"],
            since=_time(options["since"]),
            until=_time(options["until"]),
            tail=options["tail"],
            timestamps=options["timestamps"],
        )
        self._chunks: Iterator[bytes] = self._exchange.chunks()

    def fileno(self) -> int:
        return self._exchange.fileno()

    def waiting(self) -> bool:
        return self._exchange.pending

    def read(self) -> bool:
        """Show what has come; False: it is at its end."""
        piece = next(self._chunks, b"")
        if not piece:
            self._lines.end()
            return False
        self._lines.feed(piece)
        return True

    def drain(self) -> None:
        while self.read():
            pass


def _together(sources: list[_Source]) -> None:
    left = {source.fileno(): source for source in sources}
    for descriptor, source in list(left.items()):
        if source.waiting() and not source.read():
            del left[descriptor]
    while left:
        poll = select.poll()
        for descriptor in left:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll():
            if not left[descriptor].read():
                del left[descriptor]


def _time(text: str) -> str:
    if not text:
        return ""
    from time import time

    from sampan.cli import values

    return values.seconds(text, time())
