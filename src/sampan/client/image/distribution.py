"""GET /distribution/NAME/json."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def distribution(client: Client, image: str, *, auth: str = "") -> dict[str, Any]:
    """{"Descriptor", "Platforms", and "Raw": the manifest or index itself, from our own daemon}."""
    headers = [("X-Registry-Auth", auth)] if auth else []
    target = f"/distribution/{name('image', image)}/json" + http.query([("raw", "1")])
    found: dict[str, Any] = client.call("GET", target, None, headers)
    return found
