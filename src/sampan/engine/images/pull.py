"""`pull`: from a registry into the store, in one pass per layer: download → verify → decompress → hash →
extract.

Three layers at a time, each on a thread of its own. Nothing of a layer is visible before its digests are
right, nothing of an image before all its layers are on disk. What had arrived when a connection failed for
good, or when the user gave up, is kept for the next try; what turned out to be wrong is not.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from sampan.engine.cancelling import until
from sampan.engine.images import behind, created, resolve
from sampan.engine.images.images import Images
from sampan.engine.images.progress import Meter, Progress, Report
from sampan.errors import InvalidArgument, NotFound, SampanError
from sampan.oci import digest as digests
from sampan.oci import platform as platforms
from sampan.oci.image import (
    CONFIG_LIMIT,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    parse_config,
    parse_document,
)
from sampan.oci.platform import Platform
from sampan.oci.reference import DEFAULT_TAG, Reference
from sampan.registry.answers import Denied, ManifestUnknown, NameUnknown
from sampan.registry.auth import Credentials
from sampan.registry.client import Document
from sampan.registry.retry import Patience
from sampan.registry.source import Source
from sampan.storage.blobs import Ingest
from sampan.storage.images import Blob, NewImage
from sampan.storage.leases import EitherEvent, Lease

_PARALLEL = 3  # Docker's max-concurrent-downloads
_INDEX_DEPTH = 4


class PullResult(NamedTuple):
    image_id: str
    digest: str  # of the manifest or index that the name stands for
    newer: bool  # False: it was here already


class _Found(NamedTuple):
    """All documents of the image, and none of its layers."""

    digest: str
    documents: list[Document]  # index, if there is one, and manifest
    manifest: Manifest
    config: bytes
    parsed: ImageConfig


class _Job(NamedTuple):
    images: Images
    source: Source
    lease: Lease
    report: Report
    cancelled: threading.Event  # by the user, or because another layer has failed
    wrong: threading.Event  # content is not what it should be: keep nothing


def pull(
    images: Images,
    reference: Reference,
    platform: Platform | None,
    credentials: Credentials,
    report: Report,
    *,
    cancelled: threading.Event,
    patience: Patience = Patience(),  # noqa: B008 (immutable)
) -> PullResult:
    """Bring `reference` (`:latest` where it says nothing) here and give it its name. `platform` None: the
    machine's.

    Raises NotFound, Unauthorized, Unavailable, InvalidArgument, Cancelled in Docker's words; the store is
    then as before.
    """
    reference = reference.with_default_tag()
    wanted = reference.digest or reference.tag or DEFAULT_TAG
    stop = EitherEvent(cancelled)
    with (
        Source(
            images.hosts, reference.domain, reference.path, credentials, cancelled=stop, patience=patience
        ) as source,
        images.store.leased() as lease,
    ):
        job = _Job(images, source, lease, report, stop, threading.Event())
        try:
            document = source.manifest(wanted)
            report(Progress(wanted, f"Pulling from {reference.path}"))
            result = _bring(job, reference, _look_up(job, reference, document, platform))
        except SampanError as error:
            if isinstance(error, InvalidArgument):
                job.wrong.set()
            raise _told(error, reference) from error
    report(Progress("", f"Digest: {result.digest}"))
    what = "Downloaded newer image for" if result.newer else "Image is up to date for"
    report(Progress("", f"Status: {what} {reference.familiar}"))
    return result


def pull_all(
    images: Images,
    reference: Reference,
    platform: Platform | None,
    credentials: Credentials,
    report: Report,
    *,
    cancelled: threading.Event,
) -> list[str]:
    """Every tag of the repository: their names. Raises as `pull`; what came before a failure stays."""
    place = Source(
        images.hosts, reference.domain, reference.path, credentials, cancelled=EitherEvent(cancelled)
    )
    with place as source:
        try:
            tags = source.tags()
        except SampanError as error:
            raise _told(error, reference) from error
    for tag in tags:
        pull(images, reference._replace(tag=tag), platform, credentials, report, cancelled=cancelled)
    return tags


# Documents


def _look_up(job: _Job, reference: Reference, first: Document, platform: Platform | None) -> _Found:
    documents = [first]
    parsed = parse_document(first.data, first.media_type)
    while isinstance(parsed, Index):
        if len(documents) > _INDEX_DEPTH:
            raise InvalidArgument("invalid index: nested too deeply")
        descriptor = _choose(parsed, platform or platforms.of_machine(job.images.machine))
        document = job.source.manifest(descriptor.digest)
        documents.append(document)
        parsed = parse_document(document.data, descriptor.mediaType or document.media_type)
    config = _config(job, parsed.config)
    image = parse_config(config, len(parsed.layers))
    _check_platform(reference, image, platform)
    return _Found(first.digest, documents, parsed, config, image)


def _choose(index: Index, platform: Platform) -> Descriptor:
    offered = [entry.platform.key() if entry.platform else platforms.NONE for entry in index.manifests]
    chosen = platforms.choose(offered, platform)
    if chosen is None:
        raise NotFound(f"no matching manifest for {platform} in the manifest list entries")
    return index.manifests[chosen]


def _config(job: _Job, descriptor: Descriptor) -> bytes:
    if descriptor.size > CONFIG_LIMIT:
        raise InvalidArgument(f"image configuration of {descriptor.size} bytes is too large")
    if job.images.store.blobs.has(descriptor.digest):
        return job.images.store.blobs.read(descriptor.digest, CONFIG_LIMIT)
    return job.source.whole(descriptor.digest, descriptor.size, "image config")


def _check_platform(reference: Reference, image: ImageConfig, platform: Platform | None) -> None:
    actual = Platform(image.os, image.architecture, image.variant or "")
    if platform is not None and platforms.choose([actual], platform) is None:
        raise NotFound(
            f"image with reference {reference.familiar} was found but does not match the specified platform: "
            f"wanted {platform}, actual: {platforms.normalized(actual)}"
        )


# Layers


def _bring(job: _Job, reference: Reference, found: _Found) -> PullResult:
    image_id = job.images.records.known_as(digests.of(found.config))
    before = resolve.find_reference(job.images, reference)
    names = [(reference.repository, found.digest)]
    if before == image_id and job.images.records.add_digest(image_id, *names[0]):
        return PullResult(image_id, found.digest, newer=False)
    blobs = _layers(job, found)
    blobs += [_take_document(job, document) for document in found.documents]
    moment = created.seconds(found.parsed.created)
    image = NewImage(found.config, moment, found.parsed.diff_ids, blobs)
    tags = [(reference.repository, reference.tag)] if reference.tag and not reference.digest else []
    job.images.records.commit(image, tags, names)
    behind.catch_up(job.images.store)
    return PullResult(image_id, found.digest, newer=True)


def _layers(job: _Job, found: _Found) -> list[Blob]:
    """All layers, three at a time. The first failure stops the others and is raised."""
    pairs = list(zip(found.manifest.layers, found.parsed.diff_ids, strict=True))
    for descriptor, _ in pairs:
        job.report(Progress(_short(descriptor.digest), "Pulling fs layer"))
    with ThreadPoolExecutor(_PARALLEL, "pull") as pool:
        work = [pool.submit(_layer, job, descriptor, diff_id) for descriptor, diff_id in pairs]
        for descriptor, _ in pairs[_PARALLEL:]:
            job.report(Progress(_short(descriptor.digest), "Waiting"))
        wait(work, return_when=FIRST_EXCEPTION)
        failed = _failure(work)
        if failed is not None:
            job.cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise failed
    return [future.result() for future in work]


def _failure(work: list[Future[Blob]]) -> BaseException | None:
    failures = [future.exception() for future in work if future.done() and not future.cancelled()]
    return next((failure for failure in failures if failure is not None), None)


def _layer(job: _Job, descriptor: Descriptor, diff_id: str) -> Blob:
    store, identity = job.images.store, _short(descriptor.digest)
    ingest = store.blobs.ingest(descriptor.digest, descriptor.size)
    with (
        store.flights.alone("layer:" + diff_id, job.cancelled),
        store.flights.alone("blob:" + descriptor.digest, job.cancelled),
    ):
        job.lease.hold("blob:" + descriptor.digest, lambda: _let_go(job, ingest))
        present = job.images.layers.has(job.lease, diff_id)
        if store.blobs.has(descriptor.digest):
            if present:
                job.report(Progress(identity, "Already exists"))
            else:
                job.images.layers.unpack(job.lease, store.blobs.stored(descriptor.digest), diff_id)
                job.report(Progress(identity, "Pull complete"))
        else:
            _download(job, descriptor, None if present else diff_id)
    return Blob(descriptor.digest, descriptor.size, diff_id)


def _let_go(job: _Job, ingest: Ingest) -> None:
    """What was moved into the store is not there any more; the rest helps the next try, unless it is
    wrong."""
    if job.wrong.is_set():
        ingest.discard()


def _download(job: _Job, descriptor: Descriptor, diff_id: str | None) -> None:
    """The blob, and the layer of it unless `diff_id` is None: the layer is here, packed in another way."""
    identity = _short(descriptor.digest)
    chunks = _chunks(job, descriptor)
    if diff_id is None:
        for _ in chunks:
            pass
    else:
        try:
            job.images.layers.unpack(job.lease, chunks, diff_id)
        except InvalidArgument:
            for _ in chunks:  # a blob that is not what its digest says is told as that, whatever broke first
                pass
            raise
    job.report(Progress(identity, "Extracting", descriptor.size, descriptor.size))
    job.report(Progress(identity, "Pull complete"))


def _chunks(job: _Job, descriptor: Descriptor) -> Iterator[bytes]:
    identity = _short(descriptor.digest)
    meter = Meter(job.report, identity, "Downloading", descriptor.size)
    ingest = job.images.store.blobs.ingest(descriptor.digest, descriptor.size)

    def fetch(offset: int) -> Iterator[bytes]:
        return job.source.blob(descriptor.digest, descriptor.size, offset)

    for chunk in until(ingest.chunks(fetch), job.cancelled):
        meter.add(len(chunk))
        yield chunk
    job.report(Progress(identity, "Verifying Checksum"))
    job.report(Progress(identity, "Download complete"))


def _take_document(job: _Job, document: Document) -> Blob:
    ingest = job.images.store.blobs.ingest(document.digest, len(document.data))
    job.lease.hold("blob:" + document.digest, ingest.discard)
    if not job.images.store.blobs.has(document.digest):
        job.images.store.blobs.stage(document.digest, document.data)
    return Blob(document.digest, len(document.data))


# Words


def _short(digest: str) -> str:
    return digests.hex_of(digest)[:12]


def _told(error: SampanError, reference: Reference) -> SampanError:
    """The registry's refusal as Docker tells it (distribution/errors.go, `translatePullError`)."""
    if isinstance(error, Denied):
        return NotFound(
            f"pull access denied for {reference.familiar_repository}, repository does not exist or "
            f"may require 'docker login': {error}"
        )
    if isinstance(error, ManifestUnknown):
        return NotFound(f"manifest for {reference.familiar} not found: {error}")
    if isinstance(error, NameUnknown):
        return NotFound(f"repository {reference.familiar_repository} not found: {error}")
    return error
