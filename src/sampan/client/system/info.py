"""GET /info."""

from __future__ import annotations

from sampan.client.connection import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def info(client: Client) -> dict[str, Any]:
    """The daemon and its machine."""
    answer: dict[str, Any] = client.call("GET", "/info")
    return answer
