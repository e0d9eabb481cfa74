"""`sampan context inspect`."""

from __future__ import annotations

from sampan.cli import inspection
from sampan.cli.context import endpoints, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [CONTEXT] [CONTEXT...]"
SHORT = "Show contexts in detail"
ALIASES = ()
ARGUMENTS = (0, None)
FLAGS = (inspection.FORMAT,)
_NOWHERE = "<IN MEMORY>"


def main(session: Session, options: Values, arguments: list[str]) -> int:
    def find(name: str) -> dict[str, Any]:
        return _found(session, name)

    names = arguments or [session.context]
    return inspection.show(names, options["format"], find, "context.contextWithTLSListing")


def _found(session: Session, name: str) -> dict[str, Any]:
    meta, material = endpoints.read(session, name)
    contexts = store.of(session.config_directory)
    saved = name != store.DEFAULT
    return {
        "Name": meta["Name"],
        "Metadata": meta.get("Metadata") or {},
        "Endpoints": meta.get("Endpoints") or {},
        "TLSMaterial": {endpoint: sorted(files) for endpoint, files in material.items()},
        "Storage": {
            "MetadataPath": contexts.meta_path(name) if saved else _NOWHERE,
            "TLSPath": contexts.tls_path(name) if saved else _NOWHERE,
        },
    }
