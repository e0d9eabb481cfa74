"""GET /containers/ID/stats."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def stats(client: Client, container: str, *, stream: bool) -> Exchange:
    """JSON objects, one a line: one each second, or `stream` False the one after the first second."""
    pairs = [] if stream else [("stream", "false")]
    return client.send("GET", f"/containers/{name('container', container)}/stats" + http.query(pairs))
