"""A pull and what the user sees of it; for `pull`, and for `run` and `create` when the image is not there."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.image import credentials, progress, reference
from sampan.client.image import pull as request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.session import Session


def pull(
    session: Session, image: str, *, platform: str = "", descriptor: int | None, all_tags: bool = False
) -> reference.Reference:
    """Pull `image`; progress goes to `descriptor`, or nowhere (None)."""
    name = reference.parse(image)
    if not (name.tag or name.digest or all_tags):
        name.tag = "latest"
    tag = "" if all_tags else name.digest or name.tag
    auth = credentials.header(session.config, name.domain)
    exchange = request.pull(session.client, name.familiar, tag, platform=platform, auth=auth)
    display = progress.display(descriptor)
    progress.follow(exchange, display)
    return name


def announce_default(name: str) -> None:
    """Docker's first line when no tag was given."""
    parsed = reference.parse(name)
    if not parsed.tag and not parsed.digest:
        console.out("Using default tag: latest")
