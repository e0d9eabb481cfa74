"""POST /containers/ID/kill."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def kill(client: Client, container: str, signal: str = "") -> None:
    """Send a signal, by name or number, to process 1; SIGKILL if none is given."""
    pairs = [("signal", signal)] if signal else []
    client.call("POST", f"/containers/{name('container', container)}/kill" + http.query(pairs))
