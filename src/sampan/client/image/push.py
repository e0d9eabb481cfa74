"""POST /images/NAME/push."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def push(client: Client, repository: str, tag: str, *, auth: str = "", platform: str = "") -> Exchange:
    """Send an image to its registry; the answer is a progress stream. Without a tag: every tag."""
    pairs = [("tag", tag)] if tag else []
    if platform:
        pairs.append(("platform", platform))
    headers = [("X-Registry-Auth", auth or "e30=")]  # the header must be there: base64 of {}
    target = f"/images/{name('image', repository)}/push" + http.query(pairs)
    return client.send("POST", target, None, headers)
