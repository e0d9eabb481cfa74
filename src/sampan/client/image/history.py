"""GET /images/NAME/history."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def history(client: Client, image: str, platform: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Its layers and what made them, newest first. `platform`: os, architecture, variant."""
    pairs = [("platform", json.dumps(platform))] if platform else []
    return client.call("GET", f"/images/{name('image', image)}/history" + http.query(pairs)) or []
