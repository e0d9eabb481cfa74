"""`save`: images as one archive that is an OCI layout and what `docker load` reads, both at once.

Always the same bytes for the same images: members in order, no times. Layers go as they are stored.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from sampan.engine.images import content, resolve
from sampan.engine.images.content import Content, Part
from sampan.engine.images.images import Image, Images, familiar
from sampan.engine.images.seal import sealed
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import digest as digests
from sampan.oci import platform as platforms
from sampan.oci import reference as references
from sampan.oci.image import OCI_INDEX, Descriptor, Index, Platform
from sampan.storage import tar
from sampan.storage.leases import Lease
from sampan.storage.tarwriter import END, Header, encode, padding

_NAME = "io.containerd.image.name"
REF = "org.opencontainers.image.ref.name"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class _Wanted(NamedTuple):
    image: Image
    tags: list[tuple[str, str]]


class _Entry(msgspec.Struct):
    """One of manifest.json."""

    Config: str
    RepoTags: list[str] | None
    Layers: list[str]


def save(
    images: Images,
    names: Sequence[str],
    platform: str,
    cancelled: threading.Event,
    *,
    called: Sequence[str] = (),
) -> Iterator[bytes]:
    """Raises NotFound before the first byte. What is saved is held until the end. `called`: names that the
    one image has in the archive, and perhaps not here."""
    if not names:
        raise InvalidArgument("no image names given")
    wanted = _look_up(images, names)
    for name in called:
        named = references.parse(name).with_default_tag()
        wanted[0].tags.append((named.repository, named.tag or references.DEFAULT_TAG))
    with images.store.leased() as lease:
        contents = [_content(images, lease, one, platform, cancelled) for one in wanted]
        yield from _archive(list(zip(wanted, contents, strict=True)))


def _look_up(images: Images, names: Sequence[str]) -> list[_Wanted]:
    """In the order of their first mention, each image once, with the tags that were meant."""
    found: dict[str, _Wanted] = {}
    for name in names:
        for image, tag in _meant(images, name):
            one = found.setdefault(image.id, _Wanted(image, []))
            if tag is not None and tag not in one.tags:
                one.tags.append(tag)
    return list(found.values())


def _meant(images: Images, name: str) -> list[tuple[Image, tuple[str, str] | None]]:
    """A repository without a tag means all its tags, as in Docker."""
    image: Image | None
    try:
        image = resolve.find(images, name)
    except NotFound:
        image = None
    if _is_id(name, image):
        assert image is not None
        return [(image, None)]
    named = references.parse(name)
    if named.digest or named.tag:
        if image is None:
            raise NotFound(f"No such image: {name}")
        tag = None if named.digest else (named.repository, str(named.tag))
        return [(image, tag)]
    rows = [(row.id, tag) for row in images.records.all() for tag in row.tags if tag[0] == named.repository]
    if not rows:
        raise NotFound(f"No such image: {named.with_default_tag().familiar}")
    return [(resolve.find(images, identity), tag) for identity, tag in sorted(rows, key=lambda row: row[1])]


def _is_id(name: str, image: Image | None) -> bool:
    if image is None:
        return False
    return image.id.removeprefix("sha256:").startswith(name.removeprefix("sha256:")) and name not in (
        tag.partition(":")[0] for tag in image.repo_tags
    )


def _content(
    images: Images, lease: Lease, wanted: _Wanted, platform: str, cancelled: threading.Event
) -> Content:
    image = wanted.image
    if image.is_host:
        raise InvalidArgument("the image host is the machine itself: commit a container of it to save that")
    if platform:
        own = platforms.Platform(image.config.os, image.config.architecture, image.config.variant or "")
        if platforms.choose([own], platforms.parse(platform, images.machine)) is None:
            raise NotFound(
                f"image with reference {(image.repo_tags or [image.id])[0]} was found but does not provide"
                f" the specified platform ({platform})"
            )
    content.hold(images, lease, image)
    image = sealed(images, image, cancelled)
    content.hold(images, lease, image)
    return content.of(images, image)


# Writing


def _archive(found: Sequence[tuple[_Wanted, Content]]) -> Iterator[bytes]:
    yield from directory("blobs")
    yield from directory("blobs/sha256")
    parts: dict[str, Part] = {}
    documents: dict[str, bytes] = {}
    for _, one in found:
        documents[one.digest] = one.manifest
        parts |= {part.descriptor.digest: part for part in (one.config, *one.layers)}
    for digest in sorted({*parts, *documents}):
        if digest in documents:
            yield from file_member(place(digest), documents[digest])
        elif not parts[digest].foreign or parts[digest].path is not None:
            yield from part_member(parts[digest])
    yield from file_member("index.json", msgspec.json.encode(_index(found)))
    yield from file_member("manifest.json", msgspec.json.encode([_entry(*one) for one in found]))
    yield from file_member("oci-layout", LAYOUT)
    if repositories := _repositories(found):
        yield from file_member("repositories", msgspec.json.encode(repositories))
    yield END


def place(digest: str) -> str:
    return f"blobs/sha256/{digests.hex_of(digest)}"


def directory(name: str) -> Iterator[bytes]:
    yield encode(Header(name.encode() + b"/", tar.DIRECTORY, 0o755))


def file_member(name: str, data: bytes) -> Iterator[bytes]:
    yield encode(Header(name.encode(), tar.REGULAR, 0o644, size=len(data))) + data + padding(len(data))


def part_member(part: Part) -> Iterator[bytes]:
    size = part.descriptor.size
    yield encode(Header(place(part.descriptor.digest).encode(), tar.REGULAR, 0o644, size=size))
    yield from part.chunks()
    yield padding(size)


def _index(found: Sequence[tuple[_Wanted, Content]]) -> Index:
    entries = []
    for wanted, one in found:
        config = wanted.image.config
        described = Descriptor(
            digest=one.digest,
            size=len(one.manifest),
            mediaType=one.media_type,
            platform=Platform(config.architecture, config.os, config.variant),
        )
        for repository, tag in wanted.tags:
            notes = {_NAME: f"{repository}:{tag}", REF: tag}
            entries.append(msgspec.structs.replace(described, annotations=notes))
        if not wanted.tags:
            entries.append(described)
    return Index(schemaVersion=2, mediaType=OCI_INDEX, manifests=entries)


def _entry(wanted: _Wanted, one: Content) -> _Entry:
    tags = [familiar(repository, tag=tag) for repository, tag in wanted.tags]
    layers = [place(part.descriptor.digest) for part in one.layers]
    return _Entry(place(one.config.descriptor.digest), tags or None, layers)


def _repositories(found: Sequence[tuple[_Wanted, Content]]) -> dict[str, dict[str, str]]:
    """For readers of the oldest kind."""
    named: dict[str, dict[str, str]] = {}
    for wanted, one in found:
        for repository, tag in wanted.tags:
            if one.layers:
                top = digests.hex_of(one.layers[-1].descriptor.digest)
                named.setdefault(familiar(repository), {})[tag] = top
    return named
