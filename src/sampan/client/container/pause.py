"""POST /containers/ID/pause."""

from __future__ import annotations

from sampan.client.connection import Client, name


def pause(client: Client, container: str) -> None:
    client.call("POST", f"/containers/{name('container', container)}/pause")
