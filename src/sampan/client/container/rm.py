"""DELETE /containers/ID."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def begin(
    client: Client, container: str, *, force: bool = False, volumes: bool = False, link: bool = False
) -> Exchange:
    """Ask for the removal; `Exchange.result` returns when it is gone, or raises. See `rm`."""
    wanted = (("force", force), ("link", link), ("v", volumes))
    pairs = [(key, "1") for key, value in wanted if value]
    return client.send("DELETE", f"/containers/{name('container', container)}" + http.query(pairs))


def rm(
    client: Client, container: str, *, force: bool = False, volumes: bool = False, link: bool = False
) -> None:
    """Remove it, `volumes`: with its anonymous volumes; `force`: also while it runs."""
    begin(client, container, force=force, volumes=volumes, link=link).result()
