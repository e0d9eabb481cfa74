"""`sampan tag`."""

from __future__ import annotations

from sampan.cli.console import ExitWith
from sampan.cli.image import reference
from sampan.client.image.tag import tag
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]"
SHORT = "Give an image one more name"
ALIASES = ("image tag", "tag")
ARGUMENTS = (2, 2)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    source, target = arguments
    try:
        name = _target(target)
    except InvalidArgument as error:
        raise ExitWith(
            1, f'Error parsing reference: "{target}" is not a valid repository/tag: {error}'
        ) from None
    tag(session.client, source, name.familiar, name.tag or "latest")
    return 0


def _target(text: str) -> reference.Reference:
    name = reference.parse(text)
    if name.is_identifier:
        raise InvalidArgument("refusing to create a tag with a digest-like name")
    if name.digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    return name
