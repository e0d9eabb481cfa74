"""`sampan manifest inspect`."""

from __future__ import annotations

from sampan.cli import console, pretty
from sampan.cli.console import ExitWith
from sampan.cli.image import credentials, reference
from sampan.client.image.distribution import distribution
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] MANIFEST"
SHORT = "Display an image manifest, or manifest list"
ALIASES = ("manifest inspect",)
ARGUMENTS = (1, 1)
FLAGS = (
    ("insecure", "", "bool", False, "Allow communication with an insecure registry"),
    ("verbose", "v", "bool", False, "Output additional info including layers and platform"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name = reference.parse(arguments[0])
    auth = credentials.header(session.config, name.domain)
    found = distribution(session.client, name.with_tag(), auth=auth)
    if "Raw" not in found:
        raise ExitWith(1, "this daemon does not give manifests away: only a sampan daemon does")
    document = json.loads(found["Raw"])
    console.out(pretty.dumps(_verbose(name, found, document) if options["verbose"] else document, "\t"))
    return 0


def _verbose(name: reference.Reference, found: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    described = dict(found["Descriptor"])
    if len(found["Platforms"]) == 1:
        described["platform"] = found["Platforms"][0]
    kind = "SchemaV2Manifest" if "docker" in str(described.get("mediaType")) else "OCIManifest"
    return {"Ref": name.canonical_with_tag(), "Descriptor": described, kind: document}
