"""POST /containers/create."""

from __future__ import annotations

from sampan.client.connection import Client
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def create(client: Client, config: dict[str, Any], name: str = "", platform: str = "") -> dict[str, Any]:
    """Create from an API `ContainerConfig` with `HostConfig` and `NetworkingConfig`: {"Id", "Warnings"}."""
    pairs = [("name", name)] if name else []
    if platform:
        pairs.append(("platform", platform))
    answer: dict[str, Any] = client.call("POST", "/containers/create" + http.query(pairs), config)
    return answer
