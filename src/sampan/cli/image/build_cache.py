"""`--cache-from` and `--cache-to` where the cache is a directory here.

The daemon reads it in place, as it does a context; it is written by us, with our rights.
"""

from __future__ import annotations

import os

from sampan.cli import console
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.session import Session


def sources(given: list[str]) -> list[str]:
    """With absolute paths. A directory that is not there yet is the first build's, and no mistake."""
    found = []
    for text in given:
        fields = _fields(text)
        if fields.get("type") != "local" or not fields.get("src"):
            found.append(text)
            continue
        path = os.path.realpath(fields["src"])
        if os.path.isfile(os.path.join(path, "index.json")):
            found.append(",".join(f"{key}={value}" for key, value in {**fields, "src": path}.items()))
        else:
            console.error(f"WARNING: local cache import at {fields['src']} not found")
    return found


def targets(given: list[str]) -> list[str]:
    """The directories that are written here, in order."""
    found = []
    for text in given:
        fields = _fields(text)
        if fields.get("type") == "local":
            if not fields.get("dest"):
                raise ExitWith(1, "ERROR: dest is required for local cache exporter")
            found.append(fields["dest"])
    return found


def _fields(text: str) -> dict[str, str]:
    """None in the short form, a reference."""
    return {key.strip().lower(): value for key, _, value in (part.partition("=") for part in text.split(","))}


def write(session: Session, built: dict[str, Any], given: list[str]) -> None:
    from sampan.cli.image import layout
    from sampan.client.image.build import cache

    for keys, directory in zip(built.get("caches") or [], targets(given), strict=False):
        layout.unpack(cache(session.client.another(), keys), directory)
