"""DELETE /volumes/NAME."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def rm(client: Client, volume: str, *, force: bool = False) -> None:
    """Remove it; `force`: also when there is none."""
    pairs = [("force", "1")] if force else []
    client.call("DELETE", f"/volumes/{name('volume', volume)}" + http.query(pairs))
