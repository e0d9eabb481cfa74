"""GET /system/df."""

from __future__ import annotations

from sampan.client.connection import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def df(client: Client) -> dict[str, Any]:
    """What images, containers, volumes and the build cache occupy."""
    found: dict[str, Any] = client.call("GET", "/system/df")
    return found
