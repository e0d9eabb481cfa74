"""POST /containers/ID/rename."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def rename(client: Client, container: str, new_name: str) -> None:
    """Give it another name."""
    target = f"/containers/{name('container', container)}/rename" + http.query([("name", new_name)])
    client.call("POST", target)
