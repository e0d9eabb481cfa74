"""POST /containers/ID/restart."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def restart(client: Client, container: str, timeout: int | None = None, signal: str = "") -> None:
    """Signal it, kill it after `timeout` seconds (-1: never; None: as the container says), start it again."""
    pairs = [] if timeout is None else [("t", str(timeout))]
    if signal:
        pairs.append(("signal", signal))
    client.call("POST", f"/containers/{name('container', container)}/restart" + http.query(pairs))
