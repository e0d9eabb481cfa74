"""`sampan cp`: both ways, and as a tar on stdin or stdout."""

from __future__ import annotations

import os
import posixpath

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.client.container import archive
from sampan.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tsampan cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"
SHORT = "Copy files/folders between a container and the local filesystem"
ALIASES = ("container cp", "cp")
ARGUMENTS = (2, 2)
FLAGS = (
    ("archive", "a", "bool", False, "Archive mode (copy all uid/gid information)"),
    ("follow-link", "L", "bool", False, "Always follow symbol link in SRC_PATH"),
    ("quiet", "q", "bool", False, "Suppress progress output during copy"),
)
_DIRECTORY = 1 << 31  # of Go's fs.FileMode
_LINK = 1 << 27
_PIECE = 256 * 1024


def main(session: Session, options: Values, arguments: list[str]) -> int:
    (source_container, source), (target_container, target) = map(_split, arguments)
    if source_container and target_container:
        raise ExitWith(1, "copying between containers is not supported")
    if source_container:
        return _out(session, options, source_container, source, target)
    if target_container:
        return _into(session, options, source, target_container, target)
    raise ExitWith(1, "must specify at least one container source")


def _split(argument: str) -> tuple[str, str]:
    """(container, path); an absolute path, and one that begins with a dot, is local whatever it contains."""
    if argument.startswith("/"):
        return "", argument
    container, colon, path = argument.partition(":")
    if not colon or container.startswith("."):
        return "", argument
    return container, path


# Out of a container


def _out(session: Session, options: Values, container: str, source: str, target: str) -> int:
    from sampan.cli.container import local

    if target != "-":
        local.check_parent(target)
    rename = ""
    if options["follow-link"]:
        source, rename = _followed(session, container, source)
    status, chunks = archive.get(session.client, container, source)
    if target == "-":
        for chunk in chunks:
            console.write(console.STDOUT, chunk)
        return 0
    is_directory = bool(status.get("mode", 0) & _DIRECTORY)
    counted = _Counted(chunks)
    local.unpack(counted.pieces(), local.Source(source, rename, is_directory=is_directory), target)
    _tell(options, counted.size, target)
    return 0


def _followed(session: Session, container: str, source: str) -> tuple[str, str]:
    """Where a link leads, and the name that the copy gets all the same."""
    from sampan.cli.container import local

    try:
        status = archive.status(session.client, container, source)
    except NotFound:
        return source, ""  # getting it says why
    if not status.get("mode", 0) & _LINK:
        return source, ""
    target = str(status["linkTarget"])
    if not target.startswith("/"):
        target = posixpath.join(posixpath.dirname(source), target)
    return local.with_ending(target, source), local.base(source)


# Into a container


def _into(session: Session, options: Values, source: str, container: str, target: str) -> int:
    from sampan.cli.container import local

    place = local.Target(target)
    try:
        status = archive.status(session.client, container, target)
        if status.get("mode", 0) & _LINK:
            led = str(status["linkTarget"])
            place.path = led if led.startswith("/") else posixpath.join(posixpath.dirname(target), led)
            status = archive.status(session.client, container, place.path)
        place.exists = True
        place.is_directory = bool(status.get("mode", 0) & _DIRECTORY)
    except NotFound:
        pass  # HEAD does not say what is missing; if it is the container, putting something there will
    if source == "-":
        if not place.is_directory:
            raise ExitWith(1, f'destination "{container}:{target}" must be a directory')
        directory, chunks = place.path, _stdin()
    else:
        directory, chunks = local.pack(source, place, follow=options["follow-link"])
    counted = _Counted(chunks)
    archive.put(session.client, container, directory, counted.pieces(), keep_owner=options["archive"])
    _tell(options, counted.size, f"{container}:{target}")
    return 0


def _stdin() -> Iterator[bytes]:
    while piece := os.read(console.STDIN, _PIECE):
        yield piece


class _Counted:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.size = 0

    def pieces(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            yield chunk


def _tell(options: Values, size: int, target: str) -> None:
    from sampan.cli.format import size as human

    if not options["quiet"] and console.is_terminal(console.STDOUT):
        console.error(f"Successfully copied {human(size)} to {target}")
