"""POST /containers/ID/restart."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def begin(client: Client, container: str, timeout: int | None = None, signal: str = "") -> Exchange:
    """Ask for it; `Exchange.result` returns when it has started again, or raises. See `restart`."""
    pairs = [] if timeout is None else [("t", str(timeout))]
    if signal:
        pairs.append(("signal", signal))
    return client.send("POST", f"/containers/{name('container', container)}/restart" + http.query(pairs))


def restart(client: Client, container: str, timeout: int | None = None, signal: str = "") -> None:
    """Signal it, kill it after `timeout` seconds (-1: never; None: as the container says), start it again."""
    begin(client, container, timeout, signal).result()
