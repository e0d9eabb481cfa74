"""GET /volumes/NAME."""

from __future__ import annotations

from sampan.client.connection import Client, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def inspect(client: Client, volume: str) -> dict[str, Any]:
    """Everything that the daemon knows of it."""
    answer: dict[str, Any] = client.call("GET", f"/volumes/{name('volume', volume)}")
    return answer
