"""`load`: archives of `docker save`, old (manifest.json) and new (an OCI layout beside it), and OCI layouts.

manifest.json decides where there is one, as in Docker. If the layout beside it has the same images, their
manifests are kept as they are, so that digests survive a save and a load.
"""

import os
import threading
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from sampan.engine.cancelling import until
from sampan.engine.images import behind, created
from sampan.engine.images.ahead import Ahead
from sampan.engine.images.archive import Archive, Member
from sampan.engine.images.images import Images, familiar
from sampan.engine.images.progress import Meter, Progress, Report
from sampan.engine.images.tag import check_unambiguous
from sampan.errors import InvalidArgument
from sampan.oci import digest as digests
from sampan.oci import platform, reference
from sampan.oci.image import Descriptor, ImageConfig, Index, Manifest, parse_config, parse_document
from sampan.storage.images import Blob, NewImage
from sampan.storage.leases import Lease

_REF_NAME = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME = "io.containerd.image.name"
_INDEX_DEPTH = 4


class _DockerImage(msgspec.Struct):
    Config: str
    Layers: list[str] | None = None
    RepoTags: list[str] | None = None


class Loaded(msgspec.Struct, frozen=True):
    id: str
    tags: list[str]  # familiar; without one the id is what to show


class _Plan(msgspec.Struct):
    """One image of the archive, documents parsed and sizes checked, nothing unpacked yet."""

    config: bytes
    parsed: ImageConfig
    layers: list[Member]
    tags: list[tuple[str, str]]
    documents: list[bytes]  # manifest and index, as they are


def load(images: Images, chunks: Iterator[bytes], report: Report, cancelled: threading.Event) -> list[Loaded]:
    """Take in every image of the archive; all documents are checked before the first image appears.

    What to tell people of the result: `messages`.
    """
    workspace = images.store.workspace("load")
    try:
        with images.store.leased() as lease, Ahead(images, lease, cancelled) as ahead:
            archive = Archive(workspace, ahead.offer)
            archive.read(until(chunks, cancelled), images.store.free())
            plans = _plans(archive, images.machine)
            return [_load_one(images, plan, ahead, report, cancelled) for plan in plans]
    finally:
        images.store.discard(workspace)
        behind.catch_up(images.store)


def messages(loaded: list[Loaded]) -> list[str]:
    """Docker's lines."""
    lines = []
    for image in loaded:
        lines += [f"Loaded image: {tag}" for tag in image.tags] or [f"Loaded image ID: {image.id}"]
    return lines


# What is in the archive


def _plans(archive: Archive, machine: str) -> list[_Plan]:
    docker = archive.document("manifest.json")
    layout = archive.document("index.json")
    if docker is not None:
        manifests = _manifests_by_config(archive, layout)
        try:
            entries = msgspec.json.decode(docker, type=list[_DockerImage])
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidArgument(f"invalid manifest.json: {error}") from error
        return [_docker_plan(archive, entry, manifests) for entry in entries]
    if layout is not None and archive.document("oci-layout") is not None:
        return _layout_plans(archive, layout, machine)
    raise InvalidArgument("invalid archive: does not contain a manifest.json or an OCI layout")


def _docker_plan(archive: Archive, entry: _DockerImage, manifests: dict[str, bytes]) -> _Plan:
    config = archive.document(entry.Config)
    if config is None:
        raise InvalidArgument(f"invalid archive: {entry.Config} is missing")
    layers = [archive.need(name) for name in entry.Layers or ()]
    parsed = parse_config(config, len(layers))
    tags = []
    for name in entry.RepoTags or ():
        named = reference.parse(name)
        if named.digest or not named.tag:
            raise InvalidArgument(f"invalid tag {name!r}")
        check_unambiguous(named)
        tags.append((named.repository, named.tag))
    manifest = manifests.get(digests.of(config))
    return _Plan(config, parsed, layers, tags, [manifest] if manifest else [])


def _manifests_by_config(archive: Archive, layout: bytes | None) -> dict[str, bytes]:
    """Manifests of the layout whose layers are all in the archive, by the digest of their configuration."""
    found: dict[str, bytes] = {}
    if layout is None:
        return found
    index = parse_document(layout)
    for descriptor in index.manifests if isinstance(index, Index) else ():
        data = _blob(archive, descriptor)
        if data is None:
            continue
        document = parse_document(data, descriptor.mediaType)
        if isinstance(document, Manifest) and all(archive.get(_blob_name(x.digest)) for x in document.layers):
            found[document.config.digest] = data
    return found


def _layout_plans(archive: Archive, layout: bytes, machine: str) -> list[_Plan]:
    index = parse_document(layout)
    if not isinstance(index, Index):
        raise InvalidArgument("invalid index.json: not an index")
    plans = []
    for descriptor in index.manifests:
        plan = _layout_plan(archive, descriptor, machine, _INDEX_DEPTH)
        if plan is not None:
            plan.tags = _layout_tags(descriptor)
            plans.append(plan)
    if index.manifests and not plans:
        raise InvalidArgument(f"no image in the archive is for {platform.of_machine(machine)}")
    return plans


def _layout_plan(archive: Archive, descriptor: Descriptor, machine: str, depth: int) -> _Plan | None:
    """The image that `descriptor` means on this machine; None if it is for others only."""
    data = _blob(archive, descriptor)
    if data is None:
        return None  # saved for one platform of several
    document = parse_document(data, descriptor.mediaType)
    if isinstance(document, Manifest):
        return _manifest_plan(archive, document, data)
    if depth == 0:
        raise InvalidArgument("invalid archive: indexes are nested too deeply")
    candidates = [entry for entry in document.manifests if archive.get(_blob_name(entry.digest))]
    platforms = [entry.platform.key() if entry.platform else platform.NONE for entry in candidates]
    chosen = platform.choose(platforms, platform.of_machine(machine))
    plan = None if chosen is None else _layout_plan(archive, candidates[chosen], machine, depth - 1)
    if plan is not None:
        plan.documents.append(data)
    return plan


def _manifest_plan(archive: Archive, manifest: Manifest, data: bytes) -> _Plan:
    config = _blob(archive, manifest.config)
    if config is None:
        raise InvalidArgument(f"invalid archive: {_blob_name(manifest.config.digest)} is missing")
    layers = [archive.need(_blob_name(descriptor.digest)) for descriptor in manifest.layers]
    for descriptor, member in zip(manifest.layers, layers, strict=True):
        _verify(descriptor, member)
    return _Plan(config, parse_config(config, len(layers)), layers, [], [data])


def _layout_tags(descriptor: Descriptor) -> list[tuple[str, str]]:
    """containerd writes the whole name in its own annotation, and the tag, or a whole name, in the OCI
    one."""
    notes = descriptor.annotations or {}
    name = notes.get(_CONTAINERD_NAME) or notes.get(_REF_NAME, "")
    if not name or (_CONTAINERD_NAME not in notes and not any(c in name for c in "/:")):
        return []  # a bare tag names no repository
    named = reference.parse(name).with_default_tag()
    check_unambiguous(named)
    return [(named.repository, named.tag)] if named.tag and not named.digest else []


def _blob(archive: Archive, descriptor: Descriptor) -> bytes | None:
    member = archive.get(_blob_name(descriptor.digest))
    if member is None:
        return None
    _verify(descriptor, member)
    return archive.document(_blob_name(descriptor.digest))


def _blob_name(digest: str) -> str:
    return f"blobs/sha256/{digests.hex_of(digest)}"


def _verify(descriptor: Descriptor, member: Member) -> None:
    if (member.digest, member.size) != (descriptor.digest, descriptor.size):
        raise InvalidArgument(
            f"filesystem layer verification failed for digest {descriptor.digest}: got {member.digest}"
        )


# Taking it in


class _Job(NamedTuple):
    images: Images
    ahead: Ahead
    lease: Lease
    report: Report
    cancelled: threading.Event


def _load_one(
    images: Images, plan: _Plan, ahead: Ahead, report: Report, cancelled: threading.Event
) -> Loaded:
    tags = [familiar(repository, tag=tag) for repository, tag in plan.tags]
    known = digests.of(plan.config)
    with images.store.commit_lock:
        found = images.records.get(known)
        if found is not None:  # only names to take: no second copy of its blobs
            for repository, tag in plan.tags:
                images.records.tag(found.id, repository, tag)
            return Loaded(found.id, tags)
    with images.store.leased() as lease:
        job = _Job(images, ahead, lease, report, cancelled)
        blobs = []
        for diff_id, member in zip(plan.parsed.diff_ids, plan.layers, strict=True):
            blobs.append(_take_blob(job, member, diff_id))
            _unpack(job, member, diff_id)
        blobs += [_take_document(job, data) for data in plan.documents]
        moment = created.seconds(plan.parsed.created)
        image = NewImage(plan.config, moment, plan.parsed.diff_ids, blobs)
        image_id = images.records.commit(image, plan.tags)
    return Loaded(image_id, tags)


def _unpack(job: _Job, member: Member, diff_id: str) -> None:
    identity = digests.hex_of(diff_id)[:12]
    if job.ahead.unpacked(member, diff_id) and job.images.layers.has(job.lease, diff_id):
        Meter(job.report, identity, "Loading layer", member.size).add(member.size)
        job.report(Progress(identity, "Pull complete"))
        return
    with job.images.store.flights.alone("layer:" + diff_id, job.cancelled):
        if job.images.layers.has(job.lease, diff_id):
            return
        meter = Meter(job.report, identity, "Loading layer", member.size)
        job.images.layers.unpack(job.lease, _chunks(member.path, meter, job.cancelled), diff_id)
    job.report(Progress(identity, "Pull complete"))


def _chunks(path: str, meter: Meter, cancelled: threading.Event) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        for piece in until(iter(partial(file.read, 1 << 18), b""), cancelled):
            meter.add(len(piece))
            yield piece


def _take_blob(job: _Job, member: Member, diff_id: str) -> Blob:
    """The member's file becomes the blob's; it stays readable under its own name until the end."""
    ingest = job.images.store.blobs.ingest(member.digest, member.size)
    job.lease.hold("blob:" + member.digest, ingest.discard)
    with job.images.store.flights.alone("blob:" + member.digest, job.cancelled):
        if not job.images.store.blobs.has(member.digest):
            ingest.discard()
            os.link(member.path, ingest.path)
    return Blob(member.digest, member.size, diff_id)


def _take_document(job: _Job, data: bytes) -> Blob:
    digest = digests.of(data)
    ingest = job.images.store.blobs.ingest(digest, len(data))
    job.lease.hold("blob:" + digest, ingest.discard)
    if not job.images.store.blobs.has(digest):
        job.images.store.blobs.stage(digest, data)
    return Blob(digest, len(data))
