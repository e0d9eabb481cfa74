"""POST /containers/ID/start."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def begin(client: Client, container: str, detach_keys: str = "") -> Exchange:
    """Ask for the start; `Exchange.result` returns when it has started, or raises."""
    pairs = [("detachKeys", detach_keys)] if detach_keys else []
    return client.send("POST", f"/containers/{name('container', container)}/start" + http.query(pairs))


def start(client: Client, container: str, detach_keys: str = "") -> None:
    """Start it; running already is no error."""
    begin(client, container, detach_keys).result()
