"""POST /containers/ID/update."""

from __future__ import annotations

from sampan.client.connection import Client, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def update(client: Client, container: str, changes: dict[str, Any]) -> list[str]:
    """`changes`: fields of a HostConfig, RestartPolicy among them. Returns the daemon's warnings."""
    answer = client.call("POST", f"/containers/{name('container', container)}/update", changes)
    return list((answer or {}).get("Warnings") or ())
