"""`--cache-to`: records and their layers, to a registry or as an OCI layout. Calm.

What is exported is told by keys: what the cache has forgotten meanwhile is left out. Layers go packed, and
always to the same bytes, so that a registry that has them is sent nothing.
"""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from sampan.build import exchange
from sampan.build.cache import Record
from sampan.build.exchange import CachedLayer
from sampan.engine.builds.builds import Builds
from sampan.engine.cancelling import until
from sampan.engine.engine import Engine
from sampan.engine.images import content, push
from sampan.engine.images.content import Part
from sampan.engine.images.save import LAYOUT, REF, directory, file_member, part_member, place
from sampan.errors import NotFound
from sampan.oci import digest as digests
from sampan.oci import reference as references
from sampan.oci.image import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor, Index, Manifest
from sampan.registry.auth import Credentials
from sampan.registry.upload import Upload
from sampan.storage.compress import gzip
from sampan.storage.leases import Lease
from sampan.storage.pack import pack_path
from sampan.storage.tarwriter import END

_PARALLEL = 4


class _Packed(NamedTuple):
    manifest: bytes
    config: Part
    layers: list[Part]

    @property
    def digest(self) -> str:
        return digests.of(self.manifest)


def to_registry(
    engine: Engine,
    builds: Builds,
    keys: Sequence[str],
    reference: str,
    credentials: Credentials,
    *,
    cancelled: threading.Event,
) -> str:
    """The digest of the cache's manifest there. Raises Unauthorized, Unavailable … in its words."""
    named = references.parse_canonical(reference)
    with _Workspace(engine) as workspace, engine.images.store.leased() as lease:
        packed = _packed(engine, _records(builds, keys, lease), lease, workspace, cancelled)
        with push.connected(engine.images, named, credentials, cancelled) as client:
            upload = Upload(client)
            with ThreadPoolExecutor(_PARALLEL, "cache") as pool:
                parts = [*packed.layers, packed.config]
                sent = [pool.submit(upload.blob, push.readable(part), [], _unheard) for part in parts]
                for done in sent:
                    done.result()
            upload.manifest(named.tag or references.DEFAULT_TAG, packed.manifest, OCI_MANIFEST)
    return packed.digest


def _unheard(_size: int) -> None:
    """Nobody draws a bar for a cache."""


def layout(
    engine: Engine, builds: Builds, keys: Sequence[str], cancelled: threading.Event
) -> Iterator[bytes]:
    """An OCI layout as a tar. Raises before its first bytes."""
    with _Workspace(engine) as workspace, engine.images.store.leased() as lease:
        packed = _packed(engine, _records(builds, keys, lease), lease, workspace, cancelled)
        yield from directory("blobs")
        yield from directory("blobs/sha256")
        for part in {one.descriptor.digest: one for one in (packed.config, *packed.layers)}.values():
            yield from part_member(part)
        yield from file_member(place(packed.digest), packed.manifest)
        described = Descriptor(
            packed.digest,
            len(packed.manifest),
            OCI_MANIFEST,
            annotations={REF: "latest"},
        )
        index = Index(schemaVersion=2, mediaType=OCI_INDEX, manifests=[described])
        yield from file_member("index.json", msgspec.json.encode(index))
        yield from file_member("oci-layout", LAYOUT)
        yield END


class _Workspace:
    def __init__(self, engine: Engine) -> None:
        self._store = engine.images.store
        self._path = ""

    def __enter__(self) -> str:
        self._path = self._store.workspace("cache")
        return self._path

    def __exit__(self, *_: object) -> None:
        self._store.discard(self._path)


def _records(builds: Builds, keys: Sequence[str], lease: Lease) -> list[Record]:
    found = [builds.cache.find([key], lease) for key in dict.fromkeys(keys)]
    return [record for record in found if record is not None]


def _packed(
    engine: Engine, records: Sequence[Record], lease: Lease, workspace: str, cancelled: threading.Event
) -> _Packed:
    parts: dict[int, Part] = {}
    for number in dict.fromkeys(record.layer for record in records):
        if number is not None:
            parts[number] = _part(engine, number, lease, workspace, cancelled)
    known = {number: CachedLayer(part.diff_id, part.descriptor) for number, part in parts.items()}
    data, layers = exchange.document(records, known)
    described = Descriptor(digests.of(data), len(data), exchange.CONFIG)
    by_digest = {part.descriptor.digest: part for part in parts.values()}
    used = [by_digest[layer.blob.digest] for layer in layers]
    manifest = Manifest(
        schemaVersion=2,
        mediaType=OCI_MANIFEST,
        config=described,
        layers=[part.descriptor for part in used],
    )
    return _Packed(msgspec.json.encode(manifest), Part(described, "", lambda: iter([data])), used)


def _part(engine: Engine, number: int, lease: Lease, workspace: str, cancelled: threading.Event) -> Part:
    """The blob that is here, or one that is made for this."""
    images = engine.images
    layer = images.layers.numbered(number)
    if layer is None:
        raise NotFound(f"layer {number} of the build is gone: build again")
    if not layer.pending:
        for blob in images.records.blobs_for(layer.diff_id):
            lease.hold("blob:" + blob.digest)
            if images.store.blobs.has(blob.digest):
                return content.blob_part(images, blob, layer.diff_id)
    return _pack(images.store.layer_path(number), os.path.join(workspace, str(number)), cancelled)


def _pack(source: str, target: str, cancelled: threading.Event) -> Part:
    plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0

    def hashing() -> Iterator[bytes]:
        for chunk in until(pack_path(source), cancelled):
            plain.update(chunk)
            yield chunk

    with open(target, "xb") as file:
        for piece in gzip(hashing()):
            file.write(piece)
            packed.update(piece)
            size += len(piece)
    descriptor = Descriptor("sha256:" + packed.hexdigest(), size, OCI_LAYER + "+gzip")
    return Part(descriptor, "sha256:" + plain.hexdigest(), lambda: _read(target), target)


def _read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(1 << 18):
            yield piece
