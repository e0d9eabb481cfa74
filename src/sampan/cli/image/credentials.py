"""The user's credentials for a registry, from `auths` of the configuration, as the header X-Registry-Auth."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HUB = "https://index.docker.io/v1/"


def header(config: dict[str, Any], domain: str) -> str:
    """base64url JSON (API, Authentication); "" if there are none."""
    entry = _entry(config.get("auths") or {}, domain)
    if not entry:
        return ""
    auth: dict[str, str] = {"serveraddress": _HUB if domain == "docker.io" else domain}
    if entry.get("identitytoken"):
        auth["identitytoken"] = entry["identitytoken"]
    if entry.get("registrytoken"):
        auth["registrytoken"] = entry["registrytoken"]
    if entry.get("auth"):
        try:
            user, _, password = a2b_base64(entry["auth"], strict_mode=True).decode().partition(":")
        except (Error, ValueError):
            return ""
        auth["username"], auth["password"] = user, password.rstrip("\0")
    text = b2a_base64(json.dumpb(auth), newline=False).decode()
    return text.replace("+", "-").replace("/", "_")


def _entry(auths: dict[str, Any], domain: str) -> dict[str, Any]:
    keys = [_HUB, "index.docker.io", "docker.io"] if domain == "docker.io" else [domain]
    for key, entry in auths.items():
        host = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
        if key in keys or host in keys:
            return entry if isinstance(entry, dict) else {}
    return {}
