"""GET /containers/ID/changes."""

from __future__ import annotations

from sampan.client.connection import Client, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def diff(client: Client, container: str) -> list[dict[str, Any]]:
    """{"Path", "Kind"} each: 0 is changed, 1 added, 2 deleted."""
    return client.call("GET", f"/containers/{name('container', container)}/changes") or []
