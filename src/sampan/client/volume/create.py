"""POST /volumes/create."""

from __future__ import annotations

from sampan.client.connection import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def create(client: Client, config: dict[str, Any]) -> dict[str, Any]:
    """Make a volume (Name, Driver, DriverOpts, Labels), or find the one of that name."""
    answer: dict[str, Any] = client.call("POST", "/volumes/create", config)
    return answer
