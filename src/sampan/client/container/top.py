"""GET /containers/ID/top."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def top(client: Client, container: str, arguments: str = "") -> dict[str, Any]:
    """{"Titles": […], "Processes": [[…], …]}; `arguments`: options of ps(1)."""
    pairs = [("ps_args", arguments)] if arguments else []
    answer: dict[str, Any] = client.call(
        "GET", f"/containers/{name('container', container)}/top" + http.query(pairs)
    )
    return answer
