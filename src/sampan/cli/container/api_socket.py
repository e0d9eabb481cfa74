"""`--use-api-socket`: the daemon's socket in the container, where clients look for it."""

from __future__ import annotations

from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TARGET = "/var/run/docker.sock"


def mount(config: dict[str, Any], host: str) -> None:
    """`host`: where the client itself speaks to. Raises InvalidArgument when that is no unix socket."""
    if not host.startswith("unix://"):
        raise InvalidArgument(
            f"flag --use-api-socket can only be used with unix sockets: docker endpoint {host} incompatible"
        )
    bind = {"Type": "bind", "Source": host.removeprefix("unix://"), "Target": _TARGET, "BindOptions": {}}
    config["HostConfig"].setdefault("Mounts", []).append(bind)
