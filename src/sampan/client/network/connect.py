"""POST /networks/ID/connect."""

from __future__ import annotations

from sampan.client.connection import Client, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def connect(client: Client, network: str, container: str, endpoint: dict[str, Any]) -> None:
    """Put a container on it. `endpoint`: the API's EndpointSettings."""
    body = {"Container": container, "EndpointConfig": endpoint}
    client.call("POST", f"/networks/{name('network', network)}/connect", body)
