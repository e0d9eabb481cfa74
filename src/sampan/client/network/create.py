"""POST /networks/create."""

from __future__ import annotations

from sampan.client.connection import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def create(client: Client, config: dict[str, Any]) -> dict[str, Any]:
    """Make a network: its Id, and a Warning."""
    answer: dict[str, Any] = client.call("POST", "/networks/create", config)
    return answer
