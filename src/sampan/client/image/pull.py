"""POST /images/create?fromImage=…"""

from __future__ import annotations

from sampan.client.connection import Client, Exchange
from sampan.wire import http


def pull(client: Client, repository: str, tag: str, *, platform: str = "", auth: str = "") -> Exchange:
    """Fetch an image; the answer is a progress stream (wire.messages). Without a tag: all of the repository.

    `tag` may be a digest. `auth` is base64url JSON, as /auth defines it.
    """
    pairs = [("fromImage", repository)]
    if tag:
        pairs.append(("tag", tag))
    if platform:
        pairs.append(("platform", platform))
    headers = [("X-Registry-Auth", auth)] if auth else []
    return client.send("POST", "/images/create" + http.query(pairs), None, headers)
