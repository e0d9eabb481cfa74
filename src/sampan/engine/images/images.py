"""The parts that the verbs of images share, and what an image is to the rest of the engine."""

from dataclasses import dataclass

from sampan.engine.images import behind, host
from sampan.oci.image import ImageConfig, parse_config
from sampan.oci.reference import Reference
from sampan.registry.hosts import Hosts
from sampan.storage.images import ImageRecords, Row
from sampan.storage.layers import Layer, Layers
from sampan.storage.store import Store


@dataclass(frozen=True)
class Images:
    store: Store
    layers: Layers
    records: ImageRecords
    hosts: Hosts  # how registries are reached
    machine: str  # as uname(2) says
    masked: tuple[str, ...]  # what the image `host` must not show of this machine


@dataclass(frozen=True)
class Image:
    id: str  # "sha256:…"
    config: ImageConfig
    layers: list[int]  # numbers, bottom first; empty for `host`
    size: int  # bytes, all layers
    created: float  # seconds since 1970
    tagged: float
    repo_tags: list[str]  # familiar: "nginx:latest"
    repo_digests: list[str]  # familiar: "nginx@sha256:…"
    is_host: bool
    row: Row

    @property
    def lower(self) -> list[Layer]:
        """The layers that count: everything below an opaque one is hidden."""
        kept: list[Layer] = []
        for layer in self.row.layers:
            kept = [layer] if layer.opaque else [*kept, layer]
        return kept


def open_images(store: Store, hosts: Hosts, machine: str, roots: tuple[str, ...], shell: str) -> Images:
    """`roots`: the engine's own directories; `shell`: what root's login shell is on this machine."""
    layers = Layers(store)
    images = Images(store, layers, ImageRecords(store, layers), hosts, machine, host.masked(roots))
    if images.records.host() is None:
        images.records.add_host(*host.config(machine, shell))
    behind.catch_up(store)
    return images


def image_of(row: Row) -> Image:
    return Image(
        row.id,
        parse_config(row.config),
        [layer.number for layer in row.layers],
        row.size,
        row.created,
        row.tagged,
        sorted(familiar(repository, tag=tag) for repository, tag in row.tags),
        sorted(familiar(repository, digest=digest) for repository, digest in row.digests),
        row.host,
        row,
    )


def familiar(repository: str, tag: str | None = None, digest: str | None = None) -> str:
    domain, _, path = repository.partition("/")
    return Reference(domain, path, tag, digest).familiar
