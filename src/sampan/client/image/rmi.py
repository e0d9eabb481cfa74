"""DELETE /images/NAME."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def rmi(client: Client, image: str, *, force: bool = False, prune: bool = True) -> list[dict[str, str]]:
    """Take a name away, and the image with its last name: what was {"Untagged"} and {"Deleted"}."""
    pairs = [("force", "1")] if force else []
    if not prune:
        pairs.append(("noprune", "1"))
    return client.call("DELETE", f"/images/{name('image', image)}" + http.query(pairs)) or []
