"""What an image is made of, as registries and archives want it: a manifest, and where each blob comes from.

The manifest that the image came with is used as it is, if all its blobs are still here: so digests survive.
Otherwise one is written from the layers.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from sampan.engine.images.images import Image, Images
from sampan.errors import Internal, InvalidArgument
from sampan.oci import digest as digests
from sampan.oci.image import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    DOCUMENT_LIMIT,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    parse_document,
)
from sampan.storage.decompress import compression
from sampan.storage.images import Blob
from sampan.storage.layers import Layer
from sampan.storage.leases import Lease
from sampan.storage.pack import pack_path

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_FOREIGN = ("foreign", "nondistributable")


class Part(NamedTuple):
    """One blob. `chunks` gives all its bytes, verified; `path`: its file, if it has one."""

    descriptor: Descriptor
    diff_id: str  # of a layer; "" for the configuration
    chunks: Callable[[], Iterator[bytes]]
    path: str | None = None

    @property
    def foreign(self) -> bool:
        return any(word in self.descriptor.mediaType for word in _FOREIGN)


class Content(NamedTuple):
    manifest: bytes
    media_type: str
    config: Part
    layers: list[Part]

    @property
    def digest(self) -> str:
        return digests.of(self.manifest)


def hold(images: Images, lease: Lease, image: Image) -> None:
    """Nothing of it is collected before the lease ends."""
    for layer in image.row.layers:
        images.layers.has(lease, layer.diff_id)
    for blob in images.records.blobs_of(image.id):
        lease.hold("blob:" + blob.digest)


def of(images: Images, image: Image) -> Content:
    """For an archive: layers as they are stored, or as plain tars. The image is sealed and held."""
    return as_it_came(images, image) or written(
        image, [stored(images, layer) or _plain(images, layer) for layer in image.row.layers]
    )


def as_it_came(images: Images, image: Image) -> Content | None:
    """With its own manifest; None if it has none, or not all of its blobs."""
    config = digests.of(image.row.config)
    for blob in images.records.blobs_of(image.id):
        if blob.diff_id is not None or blob.size > DOCUMENT_LIMIT or blob.digest == config:
            continue
        data = images.store.blobs.read(blob.digest, DOCUMENT_LIMIT)
        try:
            manifest = parse_document(data)
        except InvalidArgument:
            continue
        if isinstance(manifest, Manifest) and manifest.config.digest == config:
            parts = _parts(images, image, manifest)
            if parts is not None:
                media_type = manifest.mediaType or OCI_MANIFEST
                return Content(data, media_type, _config(image, manifest.config.mediaType), parts)
    return None


def _parts(images: Images, image: Image, manifest: Manifest) -> list[Part] | None:
    """None: one of its blobs is not here any more."""
    parts = []
    for descriptor, layer in zip(manifest.layers, image.row.layers, strict=True):
        if images.store.blobs.has(descriptor.digest):
            parts.append(_blob(images, descriptor, layer.diff_id))
        elif descriptor.digest == layer.diff_id:
            parts.append(_plain(images, layer))
        else:
            return None
    return parts


def written(image: Image, layers: list[Part], *, docker: bool = False) -> Content:
    """A manifest of our own; the same layers always give the same one."""
    config = _config(image, DOCKER_CONFIG if docker else OCI_CONFIG)
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    manifest = Manifest(
        schemaVersion=2,
        mediaType=media_type,
        config=config.descriptor,
        layers=[part.descriptor for part in layers],
    )
    return Content(msgspec.json.encode(manifest), media_type, config, layers)


def _config(image: Image, media_type: str) -> Part:
    data = bytes(image.row.config)
    descriptor = Descriptor(digest=digests.of(data), size=len(data), mediaType=media_type)
    return Part(descriptor, "", lambda: iter([data]))


def stored(images: Images, layer: Layer) -> Part | None:
    """A layer whose blob is here, packed or not."""
    blob = images.records.blob_for(layer.diff_id)
    if blob is None or not images.store.blobs.has(blob.digest):
        return None
    return blob_part(images, blob, layer.diff_id)


def blob_part(images: Images, blob: Blob, diff_id: str, *, docker: bool = False) -> Part:
    """`docker`: with Docker's media type instead of the OCI one."""
    return _blob(
        images, Descriptor(blob.digest, blob.size, _media_type(images, blob, docker=docker)), diff_id
    )


def _media_type(images: Images, blob: Blob, *, docker: bool) -> str:
    with open(images.store.blobs.path(blob.digest), "rb") as file:
        packed = compression(file.read(6))
    if docker and packed == "gzip":
        return DOCKER_LAYER
    if packed not in ("", "gzip", "zstd"):
        raise Internal(f"layer {blob.digest} is packed with {packed}")
    return OCI_LAYER + (f"+{packed}" if packed else "")


def _blob(images: Images, descriptor: Descriptor, diff_id: str) -> Part:
    digest = descriptor.digest
    return Part(
        descriptor, diff_id, lambda: images.store.blobs.stored(digest), images.store.blobs.path(digest)
    )


def _plain(images: Images, layer: Layer) -> Part:
    """The tar of a layer that was committed: made again from its directory."""
    path = images.store.layer_path(layer.number)
    size = images.layers.tar_size(layer.number)
    if size is None:
        raise Internal(f"layer {layer.diff_id} has neither a blob nor a tar")
    return Part(
        Descriptor(layer.diff_id, size, OCI_LAYER), layer.diff_id, lambda: _exact(path, layer.diff_id)
    )


def _exact(path: str, diff_id: str) -> Iterator[bytes]:
    """Verified at the end, as what comes from a file."""
    if not os.path.isdir(path):
        raise Internal(f"layer {diff_id} is missing")
    hashed = hashlib.sha256()
    for chunk in pack_path(path):
        hashed.update(chunk)
        yield chunk
    if "sha256:" + hashed.hexdigest() != diff_id:
        raise Internal(f"layer {diff_id} is damaged: its files have changed")
