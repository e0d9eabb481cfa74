"""POST /containers/ID/unpause."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name


def begin(client: Client, container: str) -> Exchange:
    """Ask for it; `Exchange.result` returns when its processes run again, or raises."""
    return client.send("POST", f"/containers/{name('container', container)}/unpause")


def unpause(client: Client, container: str) -> None:
    begin(client, container).result()
