"""The user's credentials for a registry, from `auths` of the configuration, as the header X-Registry-Auth."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

from sampan.cli.config import credential_helper
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HUB = "https://index.docker.io/v1/"


def server_of(domain: str) -> str:
    """The name under which Docker keeps credentials for a registry."""
    return HUB if domain in ("docker.io", "index.docker.io", "registry-1.docker.io") else domain


def header(config: dict[str, Any], domain: str) -> str:
    """base64url JSON (API, Authentication); "" if there are none."""
    auth = find(config, domain)
    if not auth:
        return ""
    text = b2a_base64(json.dumpb(auth), newline=False).decode()
    return text.replace("+", "-").replace("/", "_")


def find(config: dict[str, Any], domain: str) -> dict[str, str]:
    """What is known for a registry: from its helper if it has one, otherwise from `auths`."""
    auth: dict[str, str] = {"serveraddress": server_of(domain)}
    helper = credential_helper(config, server_of(domain))
    if helper:
        from sampan.cli.image import keeper

        found = keeper.get(helper, server_of(domain))
        return {**auth, **found} if found else {}
    entry = _entry(config.get("auths") or {}, domain)
    if not entry:
        return {}
    for key in ("identitytoken", "registrytoken"):
        if entry.get(key):
            auth[key] = entry[key]
    if entry.get("auth"):
        try:
            user, _, password = a2b_base64(entry["auth"], strict_mode=True).decode().partition(":")
        except (Error, ValueError):
            return {}
        auth["username"], auth["password"] = user, password.rstrip("\0")
    return auth


def kept(user: str, password: str) -> dict[str, str]:
    """An entry of `auths`."""
    return {"auth": b2a_base64(f"{user}:{password}".encode(), newline=False).decode()}


def _entry(auths: dict[str, Any], domain: str) -> dict[str, Any]:
    keys = [HUB, "index.docker.io", "docker.io"] if domain == "docker.io" else [domain]
    for key, entry in auths.items():
        host = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
        if key in keys or host in keys:
            return entry if isinstance(entry, dict) else {}
    return {}
