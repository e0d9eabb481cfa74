"""A push and what the user sees of it; for `push`, and for builds and projects that end in one."""

from __future__ import annotations

from sampan.cli.image import credentials, progress
from sampan.client.image import push as request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.image.reference import Reference
    from sampan.cli.session import Session


def push(session: Session, name: Reference, tag: str, *, descriptor: int | None, platform: str = "") -> None:
    """`tag` "": all of the repository. Progress goes to `descriptor`, or nowhere (None)."""
    auth = credentials.header(session.config, name.domain)
    exchange = request.push(session.client, name.familiar, tag, auth=auth, platform=platform)
    progress.follow(exchange, progress.display(descriptor))
