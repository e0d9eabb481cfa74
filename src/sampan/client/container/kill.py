"""POST /containers/ID/kill."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def begin(client: Client, container: str, signal: str = "") -> Exchange:
    """Ask for the signal; `Exchange.result` returns when it was sent, or raises. See `kill`."""
    pairs = [("signal", signal)] if signal else []
    return client.send("POST", f"/containers/{name('container', container)}/kill" + http.query(pairs))


def kill(client: Client, container: str, signal: str = "") -> None:
    """Send a signal, by name or number, to process 1; SIGKILL if none is given."""
    begin(client, container, signal).result()
