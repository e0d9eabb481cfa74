"""POST /containers/ID/stop."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def begin(client: Client, container: str, timeout: int | None = None, signal: str = "") -> Exchange:
    """Ask for the stop; `Exchange.result` returns when it has stopped, or raises. See `stop`."""
    pairs = [] if timeout is None else [("t", str(timeout))]
    if signal:
        pairs.append(("signal", signal))
    return client.send("POST", f"/containers/{name('container', container)}/stop" + http.query(pairs))


def stop(client: Client, container: str, timeout: int | None = None, signal: str = "") -> None:
    """Signal it, kill it after `timeout` seconds (-1: never; None: as the container says)."""
    begin(client, container, timeout, signal).result()
