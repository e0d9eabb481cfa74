"""POST /images/NAME/tag."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def tag(client: Client, image: str, repository: str, tag: str) -> None:
    """Give an image one more name."""
    pairs = [("repo", repository), ("tag", tag)]
    client.call("POST", f"/images/{name('image', image)}/tag" + http.query(pairs))
