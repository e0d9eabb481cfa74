"""Names, quantities and words as Kubernetes takes them."""

from __future__ import annotations

import hashlib
import re

_LABEL = 63  # RFC 1123
_NAME = re.compile(r"[^a-z0-9-]+")
_DOLLAR = re.compile(r"\$(?=[$(])")
_KEY = re.compile(r"[^A-Za-z0-9._-]+")


def dns(text: str) -> str:
    """A DNS label (Kubernetes, Object Names and IDs): what cannot stand in one is a hyphen."""
    found = _NAME.sub("-", text.lower().replace("_", "-")).strip("-") or "x"
    if len(found) <= _LABEL:
        return found
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{found[: _LABEL - 9].rstrip('-')}-{digest}"


def key(text: str) -> str:
    """A key of a ConfigMap or a Secret."""
    return _KEY.sub("-", text) or "content"


def port(number: int, protocol: str) -> str:
    """The name of a port: 15 letters at most."""
    return f"{protocol.lower()}-{number}"


def literal(text: str) -> str:
    """Commands and values of variables have `$(NAME)` expanded in them, and `$$` become `$`."""
    return _DOLLAR.sub("$$", text)


def cpus(number: float) -> str:
    thousandths = round(number * 1000)
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def size(amount: int) -> str:
    for power, unit in ((3, "Gi"), (2, "Mi"), (1, "Ki")):
        if amount and amount % 1024**power == 0:
            return f"{amount // 1024**power}{unit}"
    return str(amount)


def seconds(nanoseconds: int) -> int:
    """Whole ones, and at least one."""
    return max(1, -(-nanoseconds // 10**9))
