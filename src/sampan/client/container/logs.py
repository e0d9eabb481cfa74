"""GET and DELETE /containers/ID/logs."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.wire import http


def logs(
    client: Client,
    container: str,
    *,
    follow: bool = False,
    since: str = "",
    until: str = "",
    tail: str = "all",
    timestamps: bool = False,
    details: bool = False,
) -> Exchange:
    """Its output: raw with a terminal, framed (wire.stdcopy) without. Times are seconds with a fraction."""
    pairs = [("stdout", "1"), ("stderr", "1"), ("tail", tail)]
    for key, text in (("since", since), ("until", until)):
        if text:
            pairs.append((key, text))
    for key, wanted in (("follow", follow), ("timestamps", timestamps), ("details", details)):
        if wanted:
            pairs.append((key, "1"))
    return client.send("GET", f"/containers/{name('container', container)}/logs" + http.query(pairs))


def clear(client: Client, container: str) -> None:
    client.call("DELETE", f"/containers/{name('container', container)}/logs")
