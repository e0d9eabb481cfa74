"""POST /containers/ID/resize and /exec/ID/resize."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http


def resize(client: Client, container: str, height: int, width: int) -> None:
    """Tell its terminal how large it is, in characters."""
    _resize(client, f"/containers/{name('container', container)}", height, width)


def resize_exec(client: Client, exec_id: str, height: int, width: int) -> None:
    """Tell the terminal of an exec how large it is."""
    _resize(client, f"/exec/{name('exec', exec_id)}", height, width)


def _resize(client: Client, target: str, height: int, width: int) -> None:
    client.call("POST", f"{target}/resize" + http.query([("h", str(height)), ("w", str(width))]))
