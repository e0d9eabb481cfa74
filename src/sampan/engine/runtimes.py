"""The OCI runtimes that containers can be run with: our own, runc and crun where they are installed, those of
the configuration, and any by its path.

```
default-runtime = "runc"

[runtimes.NAME]
path = "/usr/local/bin/crun"
args = ["--debug"]
```
"""

import os
import shutil
from typing import Any

from sampan.engine.settings import Settings
from sampan.errors import InvalidArgument

OWN = "sampan"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTALLED = ("runc", "crun")
_ALIASES = {"io.containerd.runc.v2": "runc"}  # what containerd calls it


def find(settings: Settings, name: str) -> tuple[str, ...]:
    """Its command; () for our own. Raises InvalidArgument in Docker's words."""
    known = every(settings)
    wanted = _ALIASES.get(name, name)
    if wanted in known:
        return known[wanted]
    if name.startswith("/") and os.path.isfile(name) and os.access(name, os.X_OK):
        return (name,)
    raise InvalidArgument(f"unknown or invalid runtime name: {name}")


def default(settings: Settings) -> str:
    name: str = settings.file.get("default-runtime", OWN)
    return name


def every(settings: Settings) -> dict[str, tuple[str, ...]]:
    """By name; looked up each time, for programs come and go."""
    found: dict[str, tuple[str, ...]] = {OWN: ()}
    for name in _INSTALLED:
        if path := shutil.which(name, path=_PATH):
            found[name] = (path,)
    for name, table in settings.file.get("runtimes", {}).items():
        found[name] = (table["path"], *table.get("args", ()))
    return found


def described(settings: Settings) -> dict[str, dict[str, Any]]:
    """For `docker info`."""
    return {
        name: {"path": command[0] if command else OWN}
        | ({"runtimeArgs": list(command[1:])} if command[1:] else {})
        for name, command in every(settings).items()
    }


def check(settings: Settings) -> None:
    """At the daemon's start. Raises InvalidArgument for a configuration that makes no sense."""
    tables = settings.file.get("runtimes", {})
    if not isinstance(tables, dict):
        raise InvalidArgument("runtimes: a table for each runtime is expected")
    for name, table in tables.items():
        if name == OWN:
            raise InvalidArgument(f"runtime name '{OWN}' is reserved")
        path = table.get("path") if isinstance(table, dict) else None
        if not isinstance(path, str) or not path.startswith("/"):
            raise InvalidArgument(f"runtimes.{name}: path must be an absolute path")
        arguments = table.get("args", [])
        if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
            raise InvalidArgument(f"runtimes.{name}: args must be a list of strings")
    if (name := default(settings)) not in every(settings):
        raise InvalidArgument(f"specified default runtime '{name}' does not exist")
