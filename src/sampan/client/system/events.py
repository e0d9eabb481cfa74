"""GET /events."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, filters
from sampan.wire import http


def events(
    client: Client, since: str = "", until: str = "", wanted: dict[str, list[str]] | None = None
) -> Exchange:
    """What happens, as it happens: a stream of JSON objects (wire.messages), to `until`, or never."""
    pairs = [(key, value) for key, value in (("since", since), ("until", until)) if value]
    return client.send("GET", "/events" + http.query(pairs + filters(wanted)))
