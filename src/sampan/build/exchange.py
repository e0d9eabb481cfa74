"""Build caches that travel: what a registry, a directory or an image holds of somebody's build cache.

The documents have the shape of BuildKit's (`application/vnd.buildkit.cacheconfig.v0`: layers, and records
that point at them). The keys in them are ours, so neither builder finds anything in what the other has left.
An image carries its records in a field of its configuration (`--cache-to type=inline`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from sampan.build.cache import Record
from sampan.errors import InvalidArgument
from sampan.oci import digest as digests
from sampan.oci.image import Descriptor, Struct

CONFIG = "application/vnd.buildkit.cacheconfig.v0"
DOCUMENT_LIMIT = 32 << 20  # bytes
_RECORDS = 100_000
_KEY = re.compile("[0-9a-f]{64}")
_END = 1e11  # seconds: no year that a timestamp could tell lies behind it
_T = TypeVar("_T")


class _Notes(Struct):
    mediaType: str = ""
    diffID: str = ""
    size: int = 0


class _Layer(Struct):
    blob: str
    parent: int = -1
    annotations: _Notes | None = None


class _Result(Struct):
    layer: int


class _Record(Struct):
    """`layers` None: the step changed nothing. `chain`, `created` are not BuildKit's."""

    digest: str
    layers: list[_Result] | None = None
    chain: str = ""
    created: float = 0.0


class _Document(Struct):
    layers: list[_Layer]
    records: list[_Record]


class _InImage(Struct):
    """`layer`: its place in the image."""

    key: str
    chain: str
    created: float
    layer: int | None = None


class Entry(NamedTuple):
    """A record as it came. `layer`: its place among the layers that came with it, None if nothing changed."""

    key: str
    chain: str
    created: float
    layer: int | None


class CachedLayer(NamedTuple):
    """A layer of a cache: a blob, and what it unpacks to."""

    diff_id: str
    blob: Descriptor


class Cache(NamedTuple):
    entries: list[Entry]
    layers: list[CachedLayer]


# Documents


def document(records: Iterable[Record], layers: Mapping[int, CachedLayer]) -> tuple[bytes, list[CachedLayer]]:
    """The configuration of a cache, and its layers in the order that it has them. `layers`: by the number
    that the records have; a record whose layer is not among them is left out."""
    used: dict[int, int] = {}
    written = []
    for record in records:
        if record.layer is not None and record.layer not in layers:
            continue
        results = None
        if record.layer is not None:
            results = [_Result(used.setdefault(record.layer, len(used)))]
        for key in dict.fromkeys((record.key, record.chain)):
            written.append(_Record("sha256:" + key, results, record.chain, record.created))
    found = [layers[number] for number in used]
    described = [_Layer(one.blob.digest, -1, _notes(one)) for one in found]
    return msgspec.json.encode(_Document(described, written)), found


def _notes(layer: CachedLayer) -> _Notes:
    return _Notes(layer.blob.mediaType, layer.diff_id, layer.blob.size)


def parse(data: bytes, blobs: Sequence[Descriptor]) -> Cache:
    """`blobs`: what the manifest lists. Raises InvalidArgument."""
    found = _decoded(data, _Document)
    known = {one.digest: one for one in blobs}
    layers = []
    for layer in found.layers:
        digests.parse(layer.blob)
        diff_id = layer.annotations.diffID if layer.annotations else ""
        digests.parse(diff_id)
        if layer.blob not in known:
            raise InvalidArgument(f"invalid cache: the manifest has no layer {layer.blob}")
        layers.append(CachedLayer(diff_id, known[layer.blob]))
    entries = [_entry(one, len(layers)) for one in found.records[:_RECORDS]]
    return Cache([one for one in entries if one is not None], layers)


def _entry(record: _Record, layers: int) -> Entry | None:
    """None: a record of another builder."""
    if not record.chain:
        return None
    layer = record.layers[0].layer if record.layers else None
    return _checked(Entry(record.digest.removeprefix("sha256:"), record.chain, record.created, layer), layers)


def _checked(entry: Entry, layers: int) -> Entry:
    whole = _KEY.fullmatch(entry.key) and _KEY.fullmatch(entry.chain) and 0 <= entry.created < _END
    if not whole or (entry.layer is not None and not 0 <= entry.layer < layers):
        raise InvalidArgument(f"invalid cache: record {entry.key[:64]} is none")
    return entry


def _decoded(data: bytes, kind: type[_T]) -> _T:
    if len(data) > DOCUMENT_LIMIT:
        raise InvalidArgument(f"invalid cache: a document of {len(data)} bytes")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid cache: {error}") from None


# Inside an image


def inline(records: Iterable[Record], places: Mapping[int, int]) -> list[Any]:
    """For the configuration of an image. `places`: of each layer by number, among the image's layers."""
    found = [
        _InImage(key, record.chain, record.created, None if record.layer is None else places[record.layer])
        for record in records
        if record.layer is None or record.layer in places
        for key in dict.fromkeys((record.key, record.chain))
    ]
    return list(msgspec.to_builtins(found))


def of_image(told: Any, layers: int) -> list[Entry]:
    """`told`: what the configuration says. Raises InvalidArgument."""
    try:
        found = msgspec.convert(told or [], list[_InImage])
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"invalid cache: {error}") from None
    entries = [Entry(one.key, one.chain, one.created, one.layer) for one in found[:_RECORDS]]
    return [_checked(entry, layers) for entry in entries]
