"""`sampan inspect`: of whatever has the name."""

from __future__ import annotations

from sampan.cli import inspection
from sampan.cli.console import ExitWith
from sampan.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] NAME|ID [NAME|ID...]"
SHORT = "Show everything about containers, images, volumes and networks"
ALIASES = ()
ARGUMENTS = (1, None)
FLAGS = (
    inspection.FORMAT,
    ("size", "s", "bool", False, "Show file sizes of containers"),
    ("type", "", "string", "", "Look for objects of this type only"),
)
# Docker's order; what neither it nor we have without a swarm is left out.
_TYPES = ("container", "image", "network", "volume")


def main(session: Session, options: Values, arguments: list[str]) -> int:
    kind = options["type"]
    if "type" in options.changed and not kind:
        raise ExitWith(1, 'type is empty: must be one of "container", "image", "network", "volume"')
    if kind and kind not in _TYPES:
        raise ExitWith(1, f'unknown type: "{kind}": must be one of "container", "image", "network", "volume"')

    def find(name: str) -> Any:
        if kind:
            return _finder(kind)(session, name, options)
        for candidate in _TYPES:
            try:
                return _finder(candidate)(session, name, options)
            except NotFound:
                continue
        raise NotFound(f"Error: No such object: {name}")

    return inspection.show(arguments, options["format"], find)


def _finder(kind: str) -> Callable[[Session, str, Values], Any]:
    return {"container": _container, "image": _image, "network": _network, "volume": _volume}[kind]


def _container(session: Session, name: str, options: Values) -> Any:
    from sampan.client.container.inspect import inspect

    return inspect(session.client, name, size=options["size"])


def _image(session: Session, name: str, options: Values) -> Any:
    from sampan.client.image.inspect import inspect

    return inspect(session.client, name)


def _network(session: Session, name: str, options: Values) -> Any:
    from sampan.client.network.inspect import inspect

    return inspect(session.client, name)


def _volume(session: Session, name: str, options: Values) -> Any:
    from sampan.client.volume.inspect import inspect

    return inspect(session.client, name)
