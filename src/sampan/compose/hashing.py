"""The hash that says whether a container is still what its service asks for."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sampan.wire import json

# What may change without a new container.
_APART = ("build", "depends_on", "develop", "profiles", "pull_policy", "pull_refresh_after", "scale")


def of_service(service: dict[str, Any]) -> str:
    """SHA-256 of a service's normal form, as data."""
    kept = {key: value for key, value in service.items() if key not in _APART}
    deploy = kept.get("deploy")
    if isinstance(deploy, dict) and "replicas" in deploy:
        kept["deploy"] = {key: value for key, value in deploy.items() if key != "replicas"}
    return sha256(json.dumpb(_ordered(kept))).hexdigest()


def of_section(item: dict[str, Any]) -> str:
    """The same for a network or a volume."""
    return sha256(json.dumpb(_ordered(item))).hexdigest()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value
