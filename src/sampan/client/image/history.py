"""GET /images/NAME/history."""

from __future__ import annotations

from sampan.client.connection import Client, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def history(client: Client, image: str) -> list[dict[str, Any]]:
    """Its layers and what made them, newest first."""
    return client.call("GET", f"/images/{name('image', image)}/history") or []
