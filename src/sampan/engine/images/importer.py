"""`import`: the tar of a root file system becomes an image with one layer."""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from sampan.build.amend import amended
from sampan.engine import timestamps
from sampan.engine.cancelling import until
from sampan.engine.images import behind
from sampan.engine.images.images import Images, familiar
from sampan.engine.images.tag import check_unambiguous
from sampan.errors import InvalidArgument
from sampan.oci import platform as platforms
from sampan.oci import reference as references
from sampan.oci.image import Config, History, ImageConfig, RootFs
from sampan.oci.platform import Platform
from sampan.storage.decompress import compression, decompress
from sampan.storage.images import Blob, NewImage
from sampan.storage.leases import Lease

_OF_LAYERS = ("", "gzip", "zstd")  # what a layer may be packed with (image-spec, layer.md)


class Imported(NamedTuple):
    id: str
    tag: str  # familiar; "" for none


def import_(
    images: Images,
    chunks: Iterator[bytes],
    *,
    name: str = "",
    changes: Sequence[str] = (),
    message: str = "",
    platform: Platform | None = None,
    source: str = "-",
    cancelled: threading.Event,
) -> Imported:
    """`name`: repository, or repository:tag, or "". The tar may be packed. `source`: for the history. The
    store is as before on an error."""
    tags = _tags(name)
    run = amended(Config(), changes)
    workspace = images.store.workspace("import")
    try:
        with images.store.leases.open() as lease:
            blob = _take_in(images, lease, until(chunks, cancelled), workspace)
            config = _config(images, run, message or f"Imported from {source}", platform, str(blob.diff_id))
            new = NewImage(config, timestamps.now() / 1e9, [str(blob.diff_id)], [blob])
            image_id = images.records.commit(new, tags)
    finally:
        images.store.discard(workspace)
    behind.catch_up(images.store)
    return Imported(image_id, familiar(tags[0][0], tag=tags[0][1]) if tags else "")


def _tags(name: str) -> list[tuple[str, str]]:
    if not name:
        return []
    named = references.parse(name).with_default_tag()
    if named.digest:
        raise InvalidArgument("cannot import digest reference")
    check_unambiguous(named)
    return [(named.repository, named.tag or references.DEFAULT_TAG)]


def _take_in(images: Images, lease: Lease, chunks: Iterator[bytes], workspace: str) -> Blob:
    """Unpack the layer, and keep its tar as a blob, packed as it came where layers may be packed so."""
    path = os.path.join(workspace, "layer")
    copied = _Copied()
    with open(path, "xb") as file:
        diff_id = images.layers.unpack(lease, copied.through(_as_layer(chunks), file), None)
    digest = "sha256:" + copied.hashed.hexdigest()
    ingest = images.store.blobs.ingest(digest, copied.size)
    lease.hold("blob:" + digest, ingest.discard)
    if not images.store.blobs.has(digest):
        ingest.discard()
        os.rename(path, ingest.path)
    return Blob(digest, copied.size, diff_id)


def _as_layer(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 6:
            break

    def whole() -> Iterator[bytes]:
        yield first
        yield from chunks

    return whole() if compression(first) in _OF_LAYERS else decompress(whole())


class _Copied:
    def __init__(self) -> None:
        self.hashed = hashlib.sha256()
        self.size = 0

    def through(self, chunks: Iterator[bytes], file: Any) -> Iterator[bytes]:
        for chunk in chunks:
            file.write(chunk)
            self.hashed.update(chunk)
            self.size += len(chunk)
            yield chunk


def _config(images: Images, run: Config, message: str, platform: Platform | None, diff_id: str) -> bytes:
    target = platform or platforms.of_machine(images.machine)
    now = timestamps.text(timestamps.now())
    document = ImageConfig(
        rootfs=RootFs("layers", [diff_id]),
        architecture=target.architecture,
        os=target.os,
        variant=target.variant or None,
        created=now,
        comment=message or None,
        config=run,
        history=[History(created=now, comment=message)],
    )
    return msgspec.json.encode(document)
