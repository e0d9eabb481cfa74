"""DELETE /networks/ID."""

from __future__ import annotations

from sampan.client.connection import Client, name


def rm(client: Client, network: str) -> None:
    """Remove it."""
    client.call("DELETE", f"/networks/{name('network', network)}")
