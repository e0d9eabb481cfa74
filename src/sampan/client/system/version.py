"""GET /version."""

from __future__ import annotations

from sampan.client.connection import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def version(client: Client) -> dict[str, Any]:
    """The daemon's version and those of its parts."""
    answer: dict[str, Any] = client.call("GET", "/version")
    return answer
