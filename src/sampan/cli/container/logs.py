"""`sampan logs`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.container.streams import show_frames
from sampan.client.container.logs import logs
from sampan.errors import InvalidArgument
from sampan.wire.stdcopy import Demultiplexer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.client.connection import Exchange

USAGE = "[OPTIONS] CONTAINER"
SHORT = "Show what a container wrote"
ALIASES = ("container logs", "logs")
ARGUMENTS = (1, 1)
FLAGS = (
    ("clear", "", "bool", False, "Forget what was written so far, and show nothing"),
    ("details", "", "bool", False, "Show the attributes that the log driver kept"),
    ("follow", "f", "bool", False, "Go on as the container writes"),
    ("since", "", "string", "", 'Start at this time ("2013-01-02T13:23:37Z"), or so long ago ("42m")'),
    ("tail", "n", "string", "all", "Number of lines to show from the end"),
    ("timestamps", "t", "bool", False, "Show when each line was written"),
    ("until", "", "string", "", 'End at this time ("2013-01-02T13:23:37Z"), or so long ago ("42m")'),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["clear"]:
        from sampan.client.container.logs import clear

        clear(session.client, arguments[0])
        return 0
    exchange = logs(
        session.client,
        arguments[0],
        follow=options["follow"],
        since=_time(options["since"], "since"),
        until=_time(options["until"], "until"),
        tail=options["tail"],
        timestamps=options["timestamps"],
        details=options["details"],
    )
    exchange.head()
    if _framed(session, exchange, arguments[0]):
        frames = Demultiplexer()
        for piece in exchange.chunks():
            show_frames(frames, piece)
    else:
        for piece in exchange.chunks():
            console.write(console.STDOUT, piece)
    return 0


def _framed(session: Session, exchange: Exchange, container: str) -> bool:
    """API 1.42 and later say it in the type; before, only the container's configuration tells."""
    kind = exchange.headers.get("content-type", "")
    if kind.endswith("multiplexed-stream"):
        return True
    from sampan.client.container.inspect import inspect

    return not inspect(session.client, container)["Config"]["Tty"]


def _time(text: str, flag: str) -> str:
    if not text:
        return ""
    from time import time

    from sampan.cli import values

    seconds = values.seconds(text, time())
    if not seconds.replace(".", "", 1).lstrip("-").isdigit():
        reason = f'failed to parse value as time or duration: "{text}"'
        raise InvalidArgument(f'invalid value for "{flag}": {reason}')
    return seconds
