"""The files of a build: a directory of the client's, or one that its tar was unpacked to."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sampan.build import patterns
from sampan.build.lexer import LIMIT
from sampan.build.patterns import Matcher
from sampan.build.source import suggestion
from sampan.build.views import DirectoryView, read_file
from sampan.engine.builds.request import Request
from sampan.errors import InvalidArgument, NotFound
from sampan.storage.decompress import decompress
from sampan.storage.extract import unpack
from sampan.storage.store import Store
from sampan.storage.tar import Limits

_IGNORE_LIMIT = 1 << 20
_ENTRIES = 2_000_000


class Definition(NamedTuple):
    """A Dockerfile. `name`: as the user knows it; `ignored`: what is not part of the context."""

    name: str
    text: str
    ignored: Matcher


class Contexts:
    """Directories by name. Every view that is given out is closed with this. Thread-safe: views are not
    shared."""

    def __init__(self, directories: Mapping[str, str], ignored: Matcher) -> None:
        self._directories = directories
        self._ignored = ignored

    def view(self, name: str) -> DirectoryView:
        """To be closed by the caller. Only the context itself has an ignore file."""
        path = self._directories.get(name)
        if path is None:
            raise NotFound(f"no build context {name!r} was sent")
        try:
            return DirectoryView(path, self._ignored if name == "context" else None)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise InvalidArgument(f"unable to prepare context: {path}: {reason}") from None

    def plain_path(self, name: str) -> str | None:
        """The directory, if all that is in it is the context."""
        return None if name == "context" and self._ignored else self._directories.get(name)


def receive(store: Store, chunks: Iterator[bytes], workspace: str) -> str:
    """Unpack the client's tar, packed or not: the directory. Raises InvalidArgument."""
    directory = os.path.join(workspace, "context")
    os.mkdir(directory)
    limits = Limits(entries=_ENTRIES, total=store.free())
    unpack(decompress(chunks), directory, limits, whiteouts=False)
    return directory


def definition(request: Request, directories: Mapping[str, str]) -> Definition:
    """Raises InvalidArgument, in Docker's words, where there is no Dockerfile."""
    path = request.dockerfile or "Dockerfile"
    ignore, text = request.ignore, request.text
    if "context" in directories:
        with contextlib.closing(DirectoryView(directories["context"])) as view:
            if text is None:
                text = _text(view, path)
            if ignore is None:
                ignore = _ignore(view, path)
    if text is None:
        raise InvalidArgument(f"failed to read dockerfile: open {path}: no such file or directory")
    return Definition(path, text, Matcher(patterns.read_ignore(ignore or "")))


def _text(view: DirectoryView, path: str) -> str:
    data = read_file(view, path, LIMIT)
    if data is None and path == "Dockerfile":
        data = read_file(view, "dockerfile", LIMIT)
    if data is None:
        names = [name for name, _ in view.entries("")][:10_000]
        raise InvalidArgument(
            f"failed to read dockerfile: open {path}: no such file or directory{suggestion(path, names)}"
        )
    return _decoded(data, path)


def _ignore(view: DirectoryView, path: str) -> str:
    """The Dockerfile's own ignore file, or the context's."""
    for name in (f"{path}.dockerignore", ".dockerignore"):
        data = read_file(view, name, _IGNORE_LIMIT)
        if data is not None:
            return _decoded(data, name)
    return ""


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"failed to read {path}: it is not UTF-8: {error.reason}") from None
