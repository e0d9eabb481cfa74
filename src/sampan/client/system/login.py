"""POST /auth."""

from __future__ import annotations

from sampan.client.connection import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def login(client: Client, user: str, password: str, server: str) -> dict[str, Any]:
    """Ask the registry whether it takes them: {"Status", "IdentityToken"}. Raises Unauthorized."""
    body = {"username": user, "password": password, "serveraddress": server}
    found: dict[str, Any] = client.call("POST", "/auth", body) or {}
    return found
