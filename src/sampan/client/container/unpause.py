"""POST /containers/ID/unpause."""

from __future__ import annotations

from sampan.client.connection import Client, name


def unpause(client: Client, container: str) -> None:
    client.call("POST", f"/containers/{name('container', container)}/unpause")
