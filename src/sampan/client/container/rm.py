"""DELETE /containers/ID."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def rm(
    client: Client, container: str, *, force: bool = False, volumes: bool = False, link: bool = False
) -> None:
    """Remove it, `volumes`: with its anonymous volumes; `force`: also while it runs."""
    wanted = (("force", force), ("link", link), ("v", volumes))
    pairs = [(key, "1") for key, value in wanted if value]
    client.call("DELETE", f"/containers/{name('container', container)}" + http.query(pairs))
