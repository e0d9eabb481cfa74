"""`push`: what the registry has is not sent, what a sibling repository has is mounted.

The manifest is the one that the image came with, if it came with one; its digest is then the same everywhere.
Layers without a blob are packed first, and the blob is kept.
"""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from sampan.engine.cancelling import until
from sampan.engine.images import content, resolve
from sampan.engine.images.content import Content, Part
from sampan.engine.images.images import Image, Images, familiar
from sampan.engine.images.progress import Meter, Progress, Report
from sampan.engine.images.seal import sealed
from sampan.errors import Cancelled, InvalidArgument, NotFound, SampanError, Unavailable
from sampan.oci import digest as digests
from sampan.oci.reference import DEFAULT_TAG, Reference
from sampan.registry import upload
from sampan.registry.auth import Credentials
from sampan.registry.client import Client
from sampan.registry.retry import Patience
from sampan.registry.upload import Upload
from sampan.storage.compress import gzip
from sampan.storage.decompress import compression
from sampan.storage.images import Blob
from sampan.storage.layers import Layer
from sampan.storage.leases import Lease
from sampan.storage.pack import pack_path

_PARALLEL = 5  # Docker's max-concurrent-uploads
_SCOPES = 8
_SOURCES = 3  # that are tried for a mount


class Pushed(NamedTuple):
    tag: str
    digest: str
    size: int  # bytes of the manifest


class _Job(NamedTuple):
    images: Images
    lease: Lease
    report: Report
    cancelled: threading.Event
    reference: Reference
    upload: Upload


def push(
    images: Images,
    reference: Reference,
    credentials: Credentials,
    report: Report,
    *,
    cancelled: threading.Event,
    patience: Patience = Patience(),  # noqa: B008 (immutable)
) -> list[Pushed]:
    """Without a tag: all of the repository. Raises NotFound, Unauthorized, Unavailable in Docker's words."""
    tags = _tags(images, reference)
    report(Progress("", f"The push refers to repository [{reference.repository}]"))
    scopes = [f"repository:{reference.path}:pull,push", *_sibling_scopes(images, reference, tags)]
    with (
        connected(images, reference, credentials, cancelled, patience=patience, scopes=scopes) as client,
        images.store.leased() as lease,
    ):
        job = _Job(images, lease, report, cancelled, reference, Upload(client))
        return [_push_one(job, tag, image_id) for tag, image_id in tags]


@contextmanager
def connected(
    images: Images,
    reference: Reference,
    credentials: Credentials,
    cancelled: threading.Event,
    *,
    patience: Patience = Patience(),  # noqa: B008 (immutable)
    scopes: Sequence[str] = (),
) -> Iterator[Client]:
    """To send something to a repository. `scopes`: what is asked for; to push and pull there by default."""
    wanted = list(scopes) or [f"repository:{reference.path}:pull,push"]
    client = _connect(
        images, reference.domain, _Dial(reference.path, credentials, wanted, cancelled, patience)
    )
    watch = _Watch(client, cancelled)
    try:
        yield client
    finally:
        watch.stop()
        client.close()


def _tags(images: Images, reference: Reference) -> list[tuple[str, str]]:
    if reference.digest:
        raise InvalidArgument("cannot push a digest reference")
    if reference.tag:
        found = resolve.find_reference(images, reference)
        if found is None:
            raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_repository}")
        return [(reference.tag, found)]
    rows = [
        (tag, row.id)
        for row in images.records.all()
        for name, tag in row.tags
        if name == reference.repository
    ]
    if not rows:
        raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_repository}")
    return sorted(rows)


class _Watch:
    """A blocked write knows nothing of events."""

    def __init__(self, client: Client, cancelled: threading.Event) -> None:
        self._done = threading.Event()
        threading.Thread(target=self._look, args=(client, cancelled), name="push-watch", daemon=True).start()

    def _look(self, client: Client, cancelled: threading.Event) -> None:
        while not self._done.wait(0.25):
            if cancelled.is_set():
                client.abort()
                return

    def stop(self) -> None:
        self._done.set()


def _sibling_scopes(images: Images, reference: Reference, tags: list[tuple[str, str]]) -> list[str]:
    """To mount from a repository, one must be allowed to read it."""
    found: set[str] = set()
    for image_id in {identity for _, identity in tags}:
        for blob in images.records.blobs_of(image_id):
            found |= set(_same_registry(images, reference, blob.digest))
    return [f"repository:{path}:pull" for path in sorted(found)[:_SCOPES]]


class _Dial(NamedTuple):
    path: str
    credentials: Credentials
    scopes: list[str]
    cancelled: threading.Event
    patience: Patience


def _connect(images: Images, domain: str, dial: _Dial) -> Client:
    """Never a mirror: those are for reading."""
    failure: SampanError = Unavailable(f"no endpoint for {domain}")
    for endpoint in images.hosts.endpoints(domain):
        if endpoint.mirror:
            continue
        client = Client(
            endpoint, dial.path, dial.credentials, dial.cancelled, dial.patience, scopes=dial.scopes
        )
        try:
            client.ping()
        except Cancelled:
            raise
        except SampanError as error:
            client.close()
            failure = error
        else:
            return client
    raise failure


def _push_one(job: _Job, tag: str, image_id: str) -> Pushed:
    image = resolve.find(job.images, image_id)
    if image.is_host:
        raise InvalidArgument("the image host is the machine itself: commit a container of it to push that")
    content.hold(job.images, job.lease, image)
    image = sealed(job.images, image, job.cancelled)
    content.hold(job.images, job.lease, image)
    for layer in reversed(image.row.layers):
        job.report(Progress(_short(layer.diff_id), "Preparing"))
    one = _content(job, image)
    with ThreadPoolExecutor(_PARALLEL, "push") as pool:
        for done in [pool.submit(_layer, job, part) for part in reversed(one.layers)]:
            done.result()
    job.upload.blob(readable(one.config), [], lambda _size: None)
    job.upload.manifest(tag or DEFAULT_TAG, one.manifest, one.media_type)
    job.images.records.add_digest(image.id, job.reference.repository, one.digest)
    job.report(Progress("", f"{tag}: digest: {one.digest} size: {len(one.manifest)}"))
    return Pushed(tag, one.digest, len(one.manifest))


def _content(job: _Job, image: Image) -> Content:
    found = content.as_it_came(job.images, image)
    if found is not None:
        return found
    parts = [_packed(job, image, layer) for layer in image.row.layers]
    return content.written(image, parts, docker=True)


def _packed(job: _Job, image: Image, layer: Layer) -> Part:
    for blob in job.images.records.blobs_for(layer.diff_id):
        job.lease.hold("blob:" + blob.digest)
        if job.images.store.blobs.has(blob.digest) and _is_packed(job.images, blob):
            return content.blob_part(job.images, blob, layer.diff_id, docker=True)
    with job.images.store.flights.alone("pack:" + layer.diff_id, job.cancelled):
        blob = _pack(job, layer)
        job.images.records.add_blob(image.id, blob)
    return content.blob_part(job.images, blob, layer.diff_id, docker=True)


def _is_packed(images: Images, blob: Blob) -> bool:
    with open(images.store.blobs.path(blob.digest), "rb") as file:
        return compression(file.read(6)) in ("gzip", "zstd")


def _pack(job: _Job, layer: Layer) -> Blob:
    """Into ingest; verified against the diff id on the way."""
    store = job.images.store
    workspace = store.workspace("pack")
    try:
        path, packed, size = os.path.join(workspace, "blob"), hashlib.sha256(), 0
        with open(path, "xb") as file:
            for piece in gzip(_checked(job, layer)):
                file.write(piece)
                packed.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        digest = "sha256:" + packed.hexdigest()
        ingest = store.blobs.ingest(digest, size)
        job.lease.hold("blob:" + digest, ingest.discard)
        os.rename(path, ingest.path)
        return Blob(digest, size, layer.diff_id)
    finally:
        store.discard(workspace)


def _checked(job: _Job, layer: Layer) -> Iterator[bytes]:
    for blob in job.images.records.blobs_for(layer.diff_id):  # a plain tar, as old archives have them
        if job.images.store.blobs.has(blob.digest):
            yield from job.images.store.blobs.stored(blob.digest)
            return
    hashed = hashlib.sha256()
    for chunk in until(pack_path(job.images.store.layer_path(layer.number)), job.cancelled):
        hashed.update(chunk)
        yield chunk
    if "sha256:" + hashed.hexdigest() != layer.diff_id:
        raise InvalidArgument(f"layer {layer.diff_id} is damaged: its files have changed")


def _layer(job: _Job, part: Part) -> None:
    name = _short(part.diff_id)
    if part.foreign and part.path is None:
        job.report(Progress(name, "Skipped foreign layer"))
        return
    size = part.descriptor.size
    meter = Meter(job.report, name, "Pushing", size)
    sent = job.upload.blob(readable(part), _siblings(job, part), meter.add)
    if sent.how == "exists":
        job.report(Progress(name, "Layer already exists"))
    elif sent.how == "mounted":
        job.report(Progress(name, f"Mounted from {familiar(f'{job.reference.domain}/{sent.source}')}"))
    else:
        job.report(Progress(name, "Pushed"))


def _siblings(job: _Job, part: Part) -> list[str]:
    """Repositories of the same registry that an image with this blob came from, or went to."""
    return _same_registry(job.images, job.reference, part.descriptor.digest)[:_SOURCES]


def _same_registry(images: Images, reference: Reference, digest: str) -> list[str]:
    domain = reference.domain + "/"
    names = images.records.repositories_with(digest)
    paths = [name.removeprefix(domain) for name in names if name.startswith(domain)]
    return [path for path in paths if path != reference.path]


def readable(part: Part) -> upload.Content:
    def read(offset: int) -> Iterator[bytes]:
        for piece in part.chunks():
            if offset >= len(piece):
                offset -= len(piece)
                continue
            yield piece[offset:]
            offset = 0

    return upload.Content(part.descriptor.digest, part.descriptor.size, read)


def _short(digest: str) -> str:
    return digests.hex_of(digest)[:12]
