"""POST /containers/ID/wait."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange, name
from sampan.errors import Internal
from sampan.wire import http


def begin(client: Client, container: str, condition: str = "") -> Exchange:
    """Ask to be told; `condition` is not-running (the default), next-exit or removed. See `end`."""
    pairs = [("condition", condition)] if condition else []
    return client.send("POST", f"/containers/{name('container', container)}/wait" + http.query(pairs))


def end(exchange: Exchange) -> int:
    """Wait for the answer: the exit code."""
    answer = exchange.result()
    if answer.get("Error") and answer["Error"].get("Message"):
        raise Internal(str(answer["Error"]["Message"]))
    return int(answer["StatusCode"])


def wait(client: Client, container: str, condition: str = "") -> int:
    """Wait until it stops: its exit code."""
    return end(begin(client, container, condition))
