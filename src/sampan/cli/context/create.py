"""`sampan context create`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.context import endpoints, store
from sampan.errors import Conflict, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTEXT"
SHORT = "Make a context: a name for a daemon and the way to it"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = (
    ("description", "", "string", "", "Description of the context"),
    ("docker", "", "stringToString", None, "Where the daemon is: host=URL, ca=, cert=, key=, from=CONTEXT"),
    ("from", "", "string", "", "Make a copy of this context"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name = arguments[0]
    contexts = store.of(session.config_directory)
    store.check_name(name)
    if contexts.exists(name):
        raise Conflict(f'context "{name}" already exists')
    given = dict(pair for pairs in options["docker"] for pair in pairs)
    if options["from"] and given:
        raise InvalidArgument("cannot use --docker flag when --from is set")
    meta, material = _made(session, options["from"], given)
    meta["Name"] = name
    if options["description"]:
        meta["Metadata"] = {**(meta.get("Metadata") or {}), "Description": options["description"]}
    contexts.write(meta, material)
    console.out(name)
    console.error(f'Successfully created context "{name}"')
    return 0


def _made(
    session: Session, source: str, given: dict[str, str]
) -> tuple[dict[str, Any], dict[str, dict[str, bytes]]]:
    """A copy of `source`, what `given` says, or a copy of the context in use."""
    if source:
        return endpoints.read(session, source)
    if not given:
        return endpoints.of_current(session)
    endpoint, files = endpoints.build(session, given)
    material = {store.DOCKER: files} if files else {}
    return {"Name": "", "Metadata": {}, "Endpoints": {store.DOCKER: endpoint}}, material
