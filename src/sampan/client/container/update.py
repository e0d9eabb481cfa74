"""POST /containers/ID/update."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def update(client: Client, container: str, changes: dict[str, Any]) -> list[str]:
    """`changes`: fields of a HostConfig, RestartPolicy among them; PublishAdd and PublishRm, which other
    daemons overlook. Returns the daemon's warnings."""
    answer = client.call("POST", f"/containers/{name('container', container)}/update", changes) or {}
    if ("PublishAdd" in changes or "PublishRm" in changes) and "Ports" not in answer:
        raise Unsupported("this daemon does not change the published ports of a container")
    return list(answer.get("Warnings") or ())
