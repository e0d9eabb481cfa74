"""The context of `build`: a directory, standard input, or a place that the daemon fetches from.

On a socket of this machine the daemon is told the directory and reads it itself; elsewhere it is sent as a
tar (docs/adr/0010-build-context.md).
"""

from __future__ import annotations

import os
import posix

from sampan.cli import console
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

_PIECE = 256 * 1024
_REMOTE = ("http://", "https://", "git://", "git@", "ssh://", "github.com/")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_LIMIT = 1 << 20


class Context:
    """`directory`: the daemon reads it; `text`, `ignore`: of the Dockerfile, where it is not in the context;
    `name`: of the Dockerfile, for people."""

    def __init__(self) -> None:
        self.directory = ""
        self.named: dict[str, str] = {}  # directories of additional contexts
        self.images: dict[str, str] = {}
        self.remote = ""
        self.dockerfile = ""
        self.text: str | None = None
        self.ignore: str | None = None
        self.name = "Dockerfile"
        self._tar: Iterator[bytes] | None = None
        self._sent = ""

    def directories(self) -> dict[str, str]:
        found = dict(self.named)
        if self.directory:
            found["context"] = self.directory
        return found

    def tar(self) -> Iterator[bytes] | None:
        if self._sent:
            from sampan.cli.image import build_tar

            return build_tar.pieces(self._sent)
        return self._tar

    def send(self) -> None:
        """The directory as a tar from now on."""
        self._sent, self.directory = self.directory, ""

    def from_stdin(self, tar: Iterator[bytes]) -> None:
        self._tar = tar


def prepare(session: Session, options: Values, place: str) -> Context:
    context = Context()
    file = options["file"]
    if place == "-":
        if file == "-":
            raise ExitWith(
                1, "ERROR: invalid argument: can't use stdin for both build context and dockerfile"
            )
        _read_stdin(context)
        context.dockerfile = file
    elif place.startswith(_REMOTE) or (place.partition("#")[0].endswith(".git") and not os.path.isdir(place)):
        context.remote, context.dockerfile = place, file
        if file == "-":
            context.text, context.dockerfile = _decoded(_stdin()), ""
    else:
        _directory(session, context, place, file)
    for text in options["build-context"]:
        _additional(context, text)
    return context


def _directory(session: Session, context: Context, place: str, file: str) -> None:
    if not os.path.isdir(place):
        kind = "not found" if not os.path.exists(place) else "is no directory"
        raise ExitWith(1, f'ERROR: unable to prepare context: path "{place}" {kind}')
    context.directory = os.path.realpath(place)
    if file == "-":
        context.text = _decoded(_stdin())
    elif file:
        _named_file(context, file)
    if session.client.host.path == "":
        context.send()


def _named_file(context: Context, file: str) -> None:
    """A Dockerfile outside of the context is sent, with its ignore file."""
    real = os.path.join(os.path.realpath(os.path.dirname(file) or "."), os.path.basename(file))
    inside = os.path.relpath(real, context.directory)
    if not inside.startswith("../") and os.path.lexists(real):
        context.dockerfile = context.name = inside
        return
    context.name = file
    context.text = _decoded(_content(file))
    for ignore in (f"{file}.dockerignore", os.path.join(context.directory, ".dockerignore")):
        if os.path.isfile(ignore):
            context.ignore = _decoded(_content(ignore))
            break


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LIMIT + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ExitWith(
            1, f"ERROR: failed to build: failed to solve: failed to read dockerfile: open {path}: {reason}"
        ) from None


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _stdin() -> bytes:
    data = b""
    while piece := posix.read(console.STDIN, _PIECE):
        data += piece
        if len(data) > _LIMIT:
            raise ExitWith(1, "ERROR: the Dockerfile on standard input is too large")
    return data


def _read_stdin(context: Context) -> None:
    """A tar, packed or not, is the context; anything else is a Dockerfile without one."""
    first = b""
    while len(first) < 512 and (piece := posix.read(console.STDIN, _PIECE)):
        first += piece
    if not first:
        raise ExitWith(1, "ERROR: failed to build: failed to solve: the Dockerfile cannot be empty")
    if first.startswith(_PACKED) or first[257:262] == b"ustar":
        context.from_stdin(_rest(first))
    else:
        context.text = _decoded(first + _stdin())


def _rest(first: bytes) -> Iterator[bytes]:
    yield first
    while piece := posix.read(console.STDIN, _PIECE):
        yield piece


def _additional(context: Context, text: str) -> None:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise ExitWith(1, f"ERROR: invalid context value: {text}, expected key=value")
    if value.startswith("docker-image://"):
        context.images[name] = value.removeprefix("docker-image://")
    elif os.path.isdir(value):
        context.named[name] = os.path.realpath(value)
    else:
        raise ExitWith(1, f"ERROR: failed to get build context {name}: path {value} is no directory")
