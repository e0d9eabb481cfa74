"""The events of a project's containers, waited for with a deadline: nothing polls."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any

from sampan.client.system import events as request
from sampan.compose import labels
from sampan.wire.messages import Messages

if TYPE_CHECKING:
    from sampan.client.connection import Client


class Watch:
    """Open before what is waited for begins; events that came since then are seen."""

    def __init__(self, client: Client, project: str) -> None:
        wanted = {"type": ["container"], "label": [f"{labels.PROJECT}={project}"]}
        self._exchange = request.events(client.another(), wanted=wanted)
        self._chunks = self._exchange.chunks()  # waits for the head: from here on nothing is missed
        self._messages = Messages()

    def next(self, deadline: float | None = None) -> list[dict[str, Any]]:
        """What happened, at least one thing; [] when the deadline (monotonic) has passed or the daemon is
        gone."""
        while True:
            if not self._exchange.pending and not self._readable(deadline):
                return []
            piece = next(self._chunks, None)
            if piece is None:
                return []
            found = self._messages.feed(piece)
            if found:
                return found

    def fileno(self) -> int:
        return self._exchange.fileno()

    def close(self) -> None:
        self._exchange.close()

    def _readable(self, deadline: float | None) -> bool:
        poll = select.poll()
        poll.register(self._exchange.fileno(), select.POLLIN)
        if deadline is None:
            return bool(poll.poll())
        left = deadline - time.monotonic()
        return left > 0 and bool(poll.poll(left * 1000))
