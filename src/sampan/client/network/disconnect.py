"""POST /networks/ID/disconnect."""

from __future__ import annotations

from sampan.client.connection import Client, name


def disconnect(client: Client, network: str, container: str, *, force: bool = False) -> None:
    """Take a container off it."""
    body = {"Container": container, "Force": force}
    client.call("POST", f"/networks/{name('network', network)}/disconnect", body)
