"""Docker's own client configuration: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`."""

from __future__ import annotations

import posix

from sampan.cli import console
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def directory(flag: str = "") -> str:
    """Where it is kept."""
    if flag or (flag := console.environment("DOCKER_CONFIG")):
        return flag
    return (console.environment("HOME") or _home()) + "/.docker"


def read(flag: str = "") -> dict[str, Any]:
    """The configuration; {} without one, or without the right to read it. A broken one is told and ignored,
    as Docker does.
    """
    path = directory(flag) + "/config.json"
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        console.error(f"WARNING: Error loading config file: {path}: {error}")
        return {}
    return value if isinstance(value, dict) else {}


def _home() -> str:
    import pwd

    try:
        return pwd.getpwuid(posix.getuid()).pw_dir
    except KeyError:
        return ""
