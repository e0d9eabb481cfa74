"""COPY, ADD and WORKDIR: files into a layer of their own. Calm."""

import contextlib
import io
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sampan.build import hashing, keys, owners, select
from sampan.build.graph import Copy, From, Inline, MakeDirectory
from sampan.build.hashing import Hashes
from sampan.build.patterns import Matcher
from sampan.build.select import Selected
from sampan.build.views import DirectoryView, Found, LayersView, View, open_file, resolve
from sampan.build.writing import LayerWriter, Rules
from sampan.engine.builds.made import Made, directories, masked
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.storage.decompress import compression, decompress
from sampan.storage.extract import unpack
from sampan.storage.tar import Limits

_PEEK = 512
_USTAR = slice(257, 262)


class Place(NamedTuple):
    """Where the layer is made; `epoch`: no time is later (nanoseconds)."""

    workspace: str
    epoch: int | None


class Origin(NamedTuple):
    """Where the files of one source are. `trusted`: layers, whose owners count and whose files never change;
    `time`: of a file that comes from us."""

    source: From
    view: View | None  # None: Inline
    trusted: bool = False
    time: int = 0


def content_keys(node: Copy, origins: Sequence[Origin], hashes: Hashes) -> list[str]:
    """One key for each source, of what is in the files. Raises NotFound for what is not there."""
    return [_content_key(node, origin, hashes) for origin in origins]


def _content_key(node: Copy, origin: Origin, hashes: Hashes) -> str:
    if origin.view is None:
        assert isinstance(origin.source.content, Inline)
        return keys.fetched("inline", *[part for file in origin.source.content.files for part in file])
    excluded = Matcher(node.exclude)
    found = []
    for one in _selected(node, origin):
        entries = select.entries(origin.view, one, excluded or None)
        if entries:
            owned = origin.trusted and not node.chown
            digest = hashing.digest(origin.view, entries, hashes, owners=owned)
            found.append((one.name, digest.hex()))
    return keys.files(found)


def _selected(node: Copy, origin: Origin) -> list[Selected]:
    assert origin.view is not None
    return select.select(origin.view, origin.source.paths, parents=node.parents)


def copy(engine: Engine, node: Copy, made: Made, origins: Sequence[Origin], *, place: Place) -> None:
    """The layer is in the workspace's `diff` afterwards, empty if nothing was there to copy."""
    diff = os.path.join(place.workspace, "diff")
    os.mkdir(diff, 0o755)
    with contextlib.closing(LayersView(directories(engine, made), masked(engine, made))) as view:
        owner = owners.owner(view, node.chown)
    # --link: no link and no directory below is looked at.
    below, hidden = ([], ()) if node.link else (directories(engine, made), masked(engine, made))
    writer = LayerWriter(diff, below, hidden, engine.images.store.free())
    with contextlib.closing(writer):
        _Copying(node, writer, owner, *place).all(origins)


class _Copying:
    def __init__(
        self, node: Copy, writer: LayerWriter, owner: owners.Owner | None, workspace: str, epoch: int | None
    ) -> None:
        self._node = node
        self._writer = writer
        self._workspace = workspace
        self._epoch = epoch
        self._owner = owner
        self._excluded = Matcher(node.exclude)

    def all(self, origins: Sequence[Origin]) -> None:
        chosen = [(origin, _selected(self._node, origin)) for origin in origins if origin.view is not None]
        inline = [origin for origin in origins if origin.view is None]
        count = sum(len(found) for _, found in chosen)
        count += sum(len(origin.source.paths) for origin in inline)
        if count > 1 and not self._node.target.endswith("/") and self._node.target != "/":
            name = "ADD" if self._node.add else "COPY"
            raise InvalidArgument(
                f"When using {name} with more than one source file, the destination must be a directory and"
                " end with a /"
            )
        for origin, found in chosen:
            for one in found:
                self._one(origin, one)
        for origin in inline:
            self._inline(origin)

    def _rules(self, origin: Origin) -> Rules:
        owner = self._owner or (None if origin.trusted else owners.Owner(0, 0))
        return Rules(owner, self._node.chmod, links=origin.trusted, devices=origin.trusted, epoch=self._epoch)

    def _one(self, origin: Origin, one: Selected) -> None:
        view = origin.view
        assert view is not None
        if origin.source.unpack and not one.top.is_directory and self._unpacked(view, one):
            return
        entries = select.entries(view, one, self._excluded or None)
        if entries:
            target = self._place(one.name, directory=one.top.is_directory)
            self._writer.copy(view, entries, target, self._rules(origin))

    def _place(self, name: str, *, directory: bool) -> str:
        """The real path for a source: below the target if that is a directory, or shall be one."""
        target = self._node.target
        if directory and not self._node.parents:
            return self._writer.target(target)[0]
        if self._node.parents or target.endswith("/"):
            return self._writer.target(posixpath.join(target, name))[0]
        real, existing = self._writer.target(target)
        if existing is not None and Found(real, existing).is_directory:
            return self._writer.target(posixpath.join(target, name))[0]
        return real

    def _inline(self, origin: Origin) -> None:
        assert isinstance(origin.source.content, Inline)
        mode = owners.mode(self._node.chmod, 0o100644)
        time = origin.time if self._epoch is None else min(origin.time, self._epoch)
        for name, content in origin.source.content.files:
            path = self._place(name, directory=False)
            owner = self._owner or owners.Owner(0, 0)
            self._writer.put(path, content.encode("utf-8", "surrogateescape"), mode, owner, time)

    # Archives

    def _unpacked(self, view: View, one: Selected) -> bool:
        """False: it is no archive."""
        fd = open_file(view, one.top.path)
        with open(fd, "rb") as file:
            first = file.read(_PEEK)
            kind = compression(first)
            if not kind and first[_USTAR] != b"ustar":
                return False
            directory = os.path.join(self._workspace, f"unpacked-{one.top.status.st_ino}")
            os.mkdir(directory, 0o700)
            if not self._extract(lambda: _chunks(first, file), directory):
                return False
        self._move_in(directory)
        return True

    def _extract(self, chunks: Callable[[], Iterator[bytes]], directory: str) -> bool:
        """What is packed and no tar inside is a file like any other, as in Docker."""
        plain = decompress(chunks())
        head = b""
        for piece in plain:
            head += piece
            if len(head) >= _PEEK:
                break
        if head[_USTAR] != b"ustar" and any(head[:_PEEK]):
            return False
        limits = Limits(total=self._writer.left)
        unpack(_chained(head, plain), directory, limits, whiteouts=False)
        return True

    def _move_in(self, directory: str) -> None:
        target = self._writer.target(self._node.target)[0]
        with contextlib.closing(DirectoryView(directory)) as view:
            top = resolve(view, "")
            assert top is not None
            entries = select.entries(view, Selected(top, ""), None)
            rules = Rules(
                self._owner, self._node.chmod, moves=True, follow=True, devices=True, epoch=self._epoch
            )
            self._writer.copy(view, entries, target, rules)


def _chunks(first: bytes, file: io.BufferedReader) -> Iterator[bytes]:
    yield first
    while piece := file.read(1 << 18):
        yield piece


def _chained(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def make_directory(
    engine: Engine, node: MakeDirectory, made: Made, workspace: str, epoch: int | None
) -> bool:
    """WORKDIR. False: there is a directory already, and nothing to make."""
    diff = os.path.join(workspace, "diff")
    os.mkdir(diff, 0o755)
    writer = LayerWriter(diff, directories(engine, made), masked(engine, made), 1 << 20)
    with contextlib.closing(writer):
        real, existing = writer.target(node.path)
        if existing is not None:
            if not Found(real, existing).is_directory:
                raise InvalidArgument(f"mkdir {node.path}: not a directory")
            return False
        with contextlib.closing(writer.view()) as view:
            owner = owners.owner(view, node.user)
        return writer.make_directories(real, owner, epoch)


def is_empty(diff: str) -> bool:
    with os.scandir(diff) as found:
        return next(found, None) is None
