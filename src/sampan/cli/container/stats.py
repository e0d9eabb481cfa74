"""`sampan stats`."""

from __future__ import annotations

from select import POLLIN, poll
from time import monotonic

from sampan.cli import console, format
from sampan.cli.container import usage
from sampan.cli.container.usage import Usage
from sampan.client.container.ps import ps
from sampan.client.container.stats import stats
from sampan.client.system.events import events
from sampan.errors import NotFound
from sampan.wire.messages import Messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.client.connection import Exchange

USAGE = "[OPTIONS] [CONTAINER...]"
SHORT = "Show what containers use, once a second"
ALIASES = ("container stats", "stats")
ARGUMENTS = (0, None)
FLAGS = (
    ("all", "a", "bool", False, "Show stopped containers too (default shows running ones only)"),
    ("format", "", "string", "", "@table"),
    ("no-stream", "", "bool", False, "Show the first result only"),
    ("no-trunc", "", "bool", False, "Show everything at full length"),
)
_REFRESH = 500  # milliseconds between two pictures
_STALE = 2.0  # seconds without news after which a row's numbers are no longer shown
_NEWS = {"event": ["create", "destroy", "die", "start"], "type": ["container"]}


def main(session: Session, options: Values, arguments: list[str]) -> int:
    return show(session, options, arguments, {})


def show(session: Session, options: Values, arguments: list[str], chosen: dict[str, list[str]]) -> int:
    """`chosen`: filters for the containers that count, where none are named."""
    form = options["format"] or str(session.config.get("statsFormat", ""))
    listing = format.Listing(usage.ROW, usage.FIELDS, usage.COLUMNS)
    view = format.View(trunc=not options["no-trunc"])
    if options["no-stream"]:
        names = arguments or _listed(session, chosen, stopped_too=options["all"])
        listing.show(_once(session, names, given=bool(arguments)), form, view)
        return 0
    live = _Live(session, chosen, stopped_too=options["all"])
    if arguments:
        live.add(arguments, given=True)
    else:
        live.follow()
        live.add(_listed(session, chosen, stopped_too=options["all"]), given=False)
    while live.wait():
        _draw(listing.text(live.rows(), form, view))
        if live.ended:
            break
    return 0


def _listed(session: Session, chosen: dict[str, list[str]], *, stopped_too: bool) -> list[str]:
    return [row["Id"] for row in ps(session.client, all=stopped_too, wanted=chosen)]


def _once(session: Session, names: list[str], *, given: bool) -> list[Usage]:
    """All at the same time: the daemon takes a second for each. One that was not named may go meanwhile."""
    asked = [(name, stats(session.client.another(), name, stream=False)) for name in names]
    rows = []
    for name, exchange in asked:
        try:
            rows.append(Usage(name if given else name[:12], exchange.result()))
        except NotFound:
            if given:
                raise
    return rows


def _draw(text: str) -> None:
    """Over the last picture: each line to its end, and what was longer below."""
    lines = "".join(f"{line}\x1b[K\n" for line in text.splitlines())
    console.write(console.STDOUT, f"\x1b[H{lines}\x1b[J".encode("utf-8", "surrogateescape"))


class _Stream:
    """Objects that come now and then."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._pieces = exchange.chunks()
        self._messages = Messages()

    def read(self) -> list[dict[str, Any]] | None:
        """When there is something to be read. None: it has ended."""
        piece = next(self._pieces, None)
        return None if piece is None else self._messages.feed(piece)


class _Live:
    """The containers that are watched, each by a connection of its own, and the news of which come and go."""

    def __init__(self, session: Session, chosen: dict[str, list[str]], *, stopped_too: bool) -> None:
        self._session = session
        self._chosen = chosen
        self._stopped_too = stopped_too
        self._watched: dict[str, tuple[Usage, float]] = {}
        self._streams: dict[int, tuple[str, _Stream]] = {}  # by descriptor; "": the news
        self._poll = poll()
        self._next = 0.0  # time of the next picture
        self.ended = False

    def follow(self) -> None:
        self._open("", _Stream(events(self._session.client.another(), wanted={**_NEWS, **self._chosen})))

    def add(self, names: list[str], *, given: bool) -> None:
        """`given` by the user: then NotFound is raised for one that is not there."""
        asked = [(name, stats(self._session.client.another(), name, stream=True)) for name in names]
        for name, exchange in asked:
            try:
                self._open(name, _Stream(exchange))
            except NotFound:
                if given:
                    raise
            else:
                self._watched[name] = (Usage(name), 0.0)

    def rows(self) -> list[Usage]:
        oldest = monotonic() - _STALE
        return [row if seen >= oldest else Usage(name) for name, (row, seen) in self._watched.items()]

    def wait(self) -> bool:
        """Take in what comes, until it is time for a picture; True."""
        self._next = max(self._next + _REFRESH / 1000, monotonic())
        while (left := self._next - monotonic()) > 0 and not self.ended:
            for descriptor, _ in self._poll.poll(left * 1000):
                self._readable(descriptor)
        return True

    def _open(self, name: str, stream: _Stream) -> None:
        descriptor = stream.exchange.fileno()
        self._streams[descriptor] = (name, stream)
        self._poll.register(descriptor, POLLIN)

    def _readable(self, descriptor: int) -> None:
        if descriptor not in self._streams:  # closed a moment ago
            return
        name, stream = self._streams[descriptor]
        found = stream.read()
        if found is None:
            self._close(descriptor)
            self.ended = not self._streams or not name
        elif name:
            for sample in found:
                self._watched[name] = (Usage(name, sample), monotonic())
        else:
            for event in found:
                self._told(event)

    def _told(self, event: dict[str, Any]) -> None:
        identity, action = event["Actor"]["ID"], event["Action"]
        if action == "start" or (action == "create" and self._stopped_too):
            if identity not in self._watched:
                self.add([identity], given=False)
        elif action == "destroy" or not self._stopped_too:
            self._drop(identity)

    def _drop(self, name: str) -> None:
        self._watched.pop(name, None)
        for descriptor in [key for key, (watched, _) in self._streams.items() if watched == name]:
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        _, stream = self._streams.pop(descriptor)
        self._poll.unregister(descriptor)
        stream.exchange.close()
