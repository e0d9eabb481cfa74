"""POST /containers/ID/attach."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def begin(
    client: Client,
    container: str,
    *,
    stdin: bool = False,
    stdout: bool = False,
    stderr: bool = False,
    logs: bool = False,
    detach_keys: str = "",
) -> Exchange:
    """Ask for its streams; `Exchange.hijack` gives them: raw with a terminal, framed without."""
    pairs = [("stream", "1")]
    for key, wanted in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr), ("logs", logs)):
        if wanted:
            pairs.append((key, "1"))
    if detach_keys:
        pairs.append(("detachKeys", detach_keys))
    return client.upgrade(f"/containers/{name('container', container)}/attach" + http.query(pairs))
