"""`--cache-from`: records of other caches, and the layers of those that are of use. Calm.

Whoever names a cache trusts it: its records say what a step makes, and nobody can tell that they are right.
What is found there becomes a record of our own; what is not asked for stays where it is.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from sampan.build import exchange
from sampan.build.cache import New, Record
from sampan.build.exchange import CachedLayer, Entry
from sampan.build.views import DirectoryView, open_file, read_file
from sampan.engine.builds.builds import Builds
from sampan.engine.builds.caches import CacheSource
from sampan.engine.cancelling import until
from sampan.engine.engine import Engine
from sampan.engine.images import resolve
from sampan.engine.images.save import REF, place
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import digest as digests
from sampan.oci import platform as platforms
from sampan.oci import reference as references
from sampan.oci.image import (
    CONFIG_LIMIT,
    DOCUMENT_LIMIT,
    Descriptor,
    Index,
    Manifest,
    parse_config,
    parse_document,
)
from sampan.registry.auth import Credentials
from sampan.registry.source import Source
from sampan.storage.leases import Lease

_PIECE = 1 << 18
_Read = Callable[[Descriptor, int], Iterator[bytes]]  # a blob, from an offset on


class _Offer(NamedTuple):
    entry: Entry
    layer: CachedLayer | None
    read: _Read


class Imported:
    """To be closed after the build."""

    def __init__(self, engine: Engine, builds: Builds, lease: Lease, cancelled: threading.Event) -> None:
        self._engine = engine
        self._builds = builds
        self._lease = lease
        self._cancelled = cancelled
        self._offers: dict[str, _Offer] = {}
        self._open = contextlib.ExitStack()

    def close(self) -> None:
        self._open.close()

    def add(self, source: CacheSource, credentials: Credentials) -> None:
        """The first cache that has a key counts. Raises NotFound, Unavailable, InvalidArgument …"""
        if source.directory:
            self._from_directory(source)
        elif not (source.here and self._from_store(source)):
            self._from_registry(source, credentials)

    def _offer(self, entries: Sequence[Entry], layers: Sequence[CachedLayer], read: _Read) -> None:
        for entry in entries:
            layer = None if entry.layer is None else layers[entry.layer]
            self._offers.setdefault(entry.key, _Offer(entry, layer, read))

    # Where they come from

    def _from_store(self, source: CacheSource) -> bool:
        try:
            image = resolve.find(self._engine.images, source.reference)
        except NotFound:
            return False
        entries = exchange.of_image(image.config.build_cache, len(image.row.layers))
        for layer in image.row.layers:
            self._engine.images.layers.has(self._lease, layer.diff_id)
        layers = [CachedLayer(layer.diff_id, Descriptor("", 0)) for layer in image.row.layers]
        self._offer(entries, layers, _nothing)
        return bool(entries)

    def _from_registry(self, source: CacheSource, credentials: Credentials) -> None:
        named = references.parse_canonical(source.reference)
        place = self._open.enter_context(
            Source(
                self._engine.images.hosts, named.domain, named.path, credentials, cancelled=self._cancelled
            )
        )

        def document(reference: str) -> bytes:
            return place.manifest(reference).data

        def read(blob: Descriptor, offset: int) -> Iterator[bytes]:
            return place.blob(blob.digest, blob.size, offset)

        def whole(blob: Descriptor) -> bytes:
            return place.whole(blob.digest, blob.size, "cache")

        self._documents(document(named.digest or named.tag or references.DEFAULT_TAG), document, whole, read)

    def _from_directory(self, source: CacheSource) -> None:
        place = _Layout(source.directory)
        self._documents(place.named(source.tag), place.document, place.whole, place.read)

    def _documents(
        self,
        first: bytes,
        document: Callable[[str], bytes],
        whole: Callable[[Descriptor], bytes],
        read: _Read,
    ) -> None:
        manifest = _cache_manifest(first)
        if manifest is not None:
            _check_size(manifest.config, exchange.DOCUMENT_LIMIT)
            cache = exchange.parse(whole(manifest.config), manifest.layers)
            self._offer(cache.entries, cache.layers, read)
            return
        image = self._image_manifest(first, document)
        _check_size(image.config, CONFIG_LIMIT)
        config = parse_config(whole(image.config), len(image.layers))
        pairs = zip(config.diff_ids, image.layers, strict=True)
        layers = [CachedLayer(diff_id, descriptor) for diff_id, descriptor in pairs]
        self._offer(exchange.of_image(config.build_cache, len(layers)), layers, read)

    def _image_manifest(self, data: bytes, document: Callable[[str], bytes]) -> Manifest:
        found = parse_document(data)
        if isinstance(found, Index):
            wanted = platforms.of_machine(self._engine.images.machine)
            offered = [one.platform.key() if one.platform else platforms.NONE for one in found.manifests]
            chosen = platforms.choose(offered, wanted)
            if chosen is None:
                raise NotFound(f"no matching manifest for {wanted} in the manifest list entries")
            found = parse_document(document(found.manifests[chosen].digest))
        if isinstance(found, Index):
            raise InvalidArgument("invalid index: nested too deeply")
        return found

    # What they have

    def record(self, wanted: Sequence[str], parent: str, description: str) -> Record | None:
        """A record of our own for the first of the keys that a cache has. Raises what its layer's way here
        raises."""
        offer = next((self._offers[key] for key in wanted if key in self._offers), None)
        if offer is None:
            return None
        entry, layer = offer.entry, offer.layer
        if layer is not None:
            self._bring(layer, offer.read)
        new = New([entry.key], parent, description, created=entry.created, chain=entry.chain)
        return self._builds.cache.adopt(new, layer.diff_id if layer else "")

    def _bring(self, layer: CachedLayer, read: _Read) -> None:
        images, diff_id, blob = self._engine.images, layer.diff_id, layer.blob
        with images.store.flights.alone("layer:" + diff_id, self._cancelled):
            if images.layers.has(self._lease, diff_id):
                return
            with images.store.flights.alone("blob:" + blob.digest, self._cancelled):
                if images.store.blobs.has(blob.digest):
                    self._lease.hold("blob:" + blob.digest)
                    chunks = images.store.blobs.stored(blob.digest)
                else:
                    ingest = images.store.blobs.ingest(blob.digest, blob.size)
                    self._lease.hold("blob:" + blob.digest, ingest.discard)
                    chunks = ingest.chunks(lambda offset: read(blob, offset))
                images.layers.unpack(self._lease, until(chunks, self._cancelled), diff_id)


class _Layout:
    """An OCI layout in a directory of the client's; no link leads out of it."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def named(self, tag: str) -> bytes:
        """The manifest with that tag, or digest; the only one there is."""
        data = self._file("index.json", DOCUMENT_LIMIT)
        index = parse_document(data)
        if not isinstance(index, Index):
            raise InvalidArgument(f"{self._directory}/index.json is no index")
        for one in index.manifests:
            name = (one.annotations or {}).get(REF, "latest")
            if tag in (one.digest, name):
                return self.document(one.digest)
        raise NotFound(f"no cache {tag!r} in {self._directory}".replace("'", '"'))

    def document(self, digest: str) -> bytes:
        return self._blob(digest, DOCUMENT_LIMIT)

    def whole(self, blob: Descriptor) -> bytes:
        return self._blob(blob.digest, blob.size)

    def _blob(self, digest: str, limit: int) -> bytes:
        data = self._file(place(digests.parse(digest)), limit)
        if digests.of(data) != digest:
            raise InvalidArgument(f"cache verification failed for digest {digest}")
        return data

    def _file(self, path: str, limit: int) -> bytes:
        with contextlib.closing(self._view()) as view:
            data = read_file(view, path, limit)
        if data is None:
            raise NotFound(f"open {self._directory}/{path}: no such file or directory")
        return data

    def _view(self) -> DirectoryView:
        try:
            return DirectoryView(self._directory)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise NotFound(f"open {self._directory}: {reason}") from None

    def read(self, blob: Descriptor, offset: int) -> Iterator[bytes]:
        """Verified by whoever takes it."""
        with (
            contextlib.closing(self._view()) as view,
            open(open_file(view, place(digests.parse(blob.digest))), "rb") as file,
        ):
            file.seek(offset)
            while piece := file.read(_PIECE):
                yield piece


def _nothing(_blob: Descriptor, _offset: int) -> Iterator[bytes]:
    """Of an image that is here no blob is asked for."""
    raise NotFound("a layer of the cache is gone")


def _cache_manifest(data: bytes) -> Manifest | None:
    """None: it is something else, an image perhaps."""
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for one in (found.config, *found.layers):
        digests.parse(one.digest)
    return found if found.config.mediaType == exchange.CONFIG else None


def _check_size(blob: Descriptor, limit: int) -> None:
    if not 0 <= blob.size <= limit:
        raise InvalidArgument(f"invalid cache: a document of {blob.size} bytes")
