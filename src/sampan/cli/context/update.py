"""`sampan context update`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.context import endpoints, store
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTEXT"
SHORT = "Change a context"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = (
    ("description", "", "string", "", "Description of the context"),
    ("docker", "", "stringToString", None, "Where the daemon is: host=URL, ca=, cert=, key=, from=CONTEXT"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name = arguments[0]
    if name == store.DEFAULT:
        raise InvalidArgument('context "default" cannot be changed')
    contexts = store.of(session.config_directory)
    meta, material = contexts.read(name), contexts.material(name)
    if options["description"]:
        meta["Metadata"] = {**(meta.get("Metadata") or {}), "Description": options["description"]}
    given = dict(pair for pairs in options["docker"] for pair in pairs)
    if given:
        endpoint, files = endpoints.build(session, given)
        meta["Endpoints"] = {**(meta.get("Endpoints") or {}), store.DOCKER: endpoint}
        material[store.DOCKER] = files
    contexts.write(meta, {endpoint: files for endpoint, files in material.items() if files})
    console.out(name)
    console.error(f'Successfully updated context "{name}"')
    return 0
