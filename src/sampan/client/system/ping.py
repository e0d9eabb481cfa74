"""GET /_ping."""

from __future__ import annotations

from sampan.client.connection import Client


def ping(client: Client) -> dict[str, str]:
    """Whether the daemon answers: the headers of its answer (Api-Version, Ostype …), names in lower case."""
    exchange = client.send("GET", "/_ping")
    exchange.body()
    return exchange.headers
