"""Builds by a daemon that is not ours: Docker's own, which takes a tar, and no more than the API says."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.image import build_options
from sampan.client import errors
from sampan.client.image.build import plain
from sampan.errors import Unsupported
from sampan.wire.messages import Messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.image.build_context import Context
    from sampan.cli.session import Session


def build(session: Session, options: Values, context: Context) -> str:
    """The image's ID. Raises Unsupported for what only goes to our own daemon."""
    for flag in ("secret", "ssh", "allow", "build-context"):
        if options[flag]:
            raise Unsupported(f"--{flag} is not to be had from this daemon: build with sampan's own")
    if context.text is not None:
        raise Unsupported("a Dockerfile outside of its context is not to be had from this daemon")
    if options["cache-to"]:
        console.error("WARNING: cache_to has no effect: this daemon has its cache to itself")
    if context.directory:
        context.send()
    parameters = build_options.parameters(options, context)
    exchange = plain(
        session.client, parameters, context.tar() or (), registries=build_options.registries(session)
    )
    messages, identity = Messages(), ""
    for piece in exchange.chunks():
        for message in messages.feed(piece):
            if "errorDetail" in message or "error" in message:
                raise errors.from_stream(message.get("errorDetail"), message.get("error"))
            identity = str((message.get("aux") or {}).get("ID") or identity)
            if message.get("stream") and not options["quiet"]:
                console.write(console.STDERR, str(message["stream"]).encode())
    return identity
