"""Documents of images: manifests, indexes, configurations (OCI image-spec 1.1, Docker schema 2).

Strict where it protects (ambiguous documents, sizes, digests) and lenient where images in the wild
are: unknown fields are ignored, null counts as absent, media types of Docker and OCI are equals.
"""

from typing import Any, TypeVar

import msgspec

from sampan.errors import InvalidArgument
from sampan.oci import digest as digests
from sampan.oci.platform import Platform as PlatformKey

DOCUMENT_LIMIT = 4 * 1024 * 1024  # bytes of a manifest or index; containerd's limit
CONFIG_LIMIT = 8 * 1024 * 1024  # bytes
LAYER_LIMIT = 500  # what one overlay mount takes (fs/overlayfs/super.c, OVL_MAX_STACK)

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

INDEX_TYPES = (OCI_INDEX, DOCKER_INDEX)
MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
_LAYER_WORDS = (".layer.", ".rootfs.")

T = TypeVar("T")


class Struct(msgspec.Struct, omit_defaults=True):
    pass


class Platform(Struct):
    architecture: str = ""
    os: str = ""
    variant: str | None = None

    def key(self) -> PlatformKey:
        return PlatformKey(self.os, self.architecture, self.variant or "")


class Descriptor(Struct):
    digest: str
    size: int
    mediaType: str = ""
    platform: Platform | None = None
    annotations: dict[str, str] | None = None
    urls: list[str] | None = None


class Manifest(Struct):
    schemaVersion: int
    config: Descriptor
    layers: list[Descriptor]
    mediaType: str | None = None


class Index(Struct):
    schemaVersion: int
    manifests: list[Descriptor]
    mediaType: str | None = None


class Health(Struct):
    Test: list[str] | None = None
    Interval: int | None = None  # nanoseconds, as all durations
    Timeout: int | None = None
    StartPeriod: int | None = None
    StartInterval: int | None = None
    Retries: int | None = None


class Config(Struct):
    """How containers of an image run (config.md, `config`), with Docker's additions."""

    User: str | None = None
    ExposedPorts: dict[str, Any] | None = None
    Env: list[str] | None = None
    Entrypoint: list[str] | str | None = None
    Cmd: list[str] | str | None = None
    Volumes: dict[str, Any] | None = None
    WorkingDir: str | None = None
    Labels: dict[str, str] | None = None
    StopSignal: str | None = None
    StopTimeout: int | None = None
    Healthcheck: Health | None = None
    Shell: list[str] | None = None
    OnBuild: list[str] | None = None
    ArgsEscaped: bool | None = None

    @property
    def entrypoint(self) -> list[str]:
        return _words(self.Entrypoint)

    @property
    def command(self) -> list[str]:
        return _words(self.Cmd)


class RootFs(Struct):
    type: str
    diff_ids: list[str] | None = None


class History(Struct):
    created: str | None = None
    created_by: str | None = None
    author: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class ImageConfig(Struct):
    rootfs: RootFs
    architecture: str = ""
    os: str = ""
    variant: str | None = None
    created: str | None = None
    author: str | None = None
    comment: str | None = None
    config: Config | None = None
    history: list[History] | None = None
    docker_version: str | None = None
    # Of our own builds, if they were asked for it (build.exchange); whatever somebody else puts there is no
    # reason to refuse the image.
    build_cache: Any = msgspec.field(default=None, name="sampan.build.cache.v1")

    @property
    def diff_ids(self) -> list[str]:
        return self.rootfs.diff_ids or []

    @property
    def run(self) -> Config:
        """How containers run; never None."""
        return self.config or Config()


class _Shape(Struct):
    """Only what tells a manifest from an index."""

    schemaVersion: int
    mediaType: str | None = None
    manifests: msgspec.Raw = msgspec.Raw()
    config: msgspec.Raw = msgspec.Raw()
    layers: msgspec.Raw = msgspec.Raw()
    fsLayers: msgspec.Raw = msgspec.Raw()


def _words(value: list[str] | str | None) -> list[str]:
    return value.split() if isinstance(value, str) else list(value or ())


def parse_document(data: bytes, media_type: str = "") -> Manifest | Index:
    """A manifest or an index, whichever `data` is; `media_type`: what whoever pointed to it called it.

    CVE-2021-41190: a document that can be read as both is neither, as one that contradicts its type.
    """
    if len(data) > DOCUMENT_LIMIT:
        raise InvalidArgument(
            f"manifest of {len(data)} bytes is larger than the limit of {DOCUMENT_LIMIT} bytes"
        )
    shape = _decode(data, _Shape, "manifest")
    if _is_given(shape.fsLayers) or shape.schemaVersion == 1:
        raise InvalidArgument(
            "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed"
        )
    is_index = _is_given(shape.manifests)
    if shape.schemaVersion != 2 or is_index == (_is_given(shape.config) or _is_given(shape.layers)):
        raise InvalidArgument("invalid manifest: neither a manifest nor an index, or both at once")
    _check_type(shape.mediaType or "", media_type, is_index=is_index)
    if is_index:
        index = _decode(data, Index, "index")
        for entry in index.manifests:
            _check_descriptor(entry)
        return index
    return _checked_manifest(_decode(data, Manifest, "manifest"))


def _is_given(value: msgspec.Raw) -> bool:
    return bytes(value) not in (b"", b"null")


def _check_type(own: str, given: str, *, is_index: bool) -> None:
    expected, other = (INDEX_TYPES, MANIFEST_TYPES) if is_index else (MANIFEST_TYPES, INDEX_TYPES)
    if (own and own not in expected) or given in other:
        raise InvalidArgument(f"invalid manifest: media type {own or given} does not fit its content")


def _checked_manifest(manifest: Manifest) -> Manifest:
    if len(manifest.layers) > LAYER_LIMIT:
        raise InvalidArgument(
            f"image has {len(manifest.layers)} layers, more than the {LAYER_LIMIT} that can be mounted"
        )
    for descriptor in (manifest.config, *manifest.layers):
        _check_descriptor(descriptor)
    if manifest.config.size > CONFIG_LIMIT:
        raise InvalidArgument(f"image configuration of {manifest.config.size} bytes is too large")
    if (
        not any(word in manifest.config.mediaType for word in ("image", "container"))
        and manifest.config.mediaType
    ):
        raise InvalidArgument(f'Encountered remote "{manifest.config.mediaType}"(unknown) when fetching')
    for layer in manifest.layers:
        if layer.mediaType and not any(word in layer.mediaType for word in _LAYER_WORDS):
            raise InvalidArgument(f"unsupported layer media type {layer.mediaType}")
    return manifest


def _check_descriptor(descriptor: Descriptor) -> None:
    digests.parse(descriptor.digest)
    if descriptor.size < 0:
        raise InvalidArgument(f"invalid size {descriptor.size} of {descriptor.digest}")


def parse_config(data: bytes, layers: int | None = None) -> ImageConfig:
    """The configuration; `layers`: how many the manifest has, which must be as many as the `diff_ids`."""
    if len(data) > CONFIG_LIMIT:
        raise InvalidArgument(f"image configuration of {len(data)} bytes is too large")
    config = _decode(data, ImageConfig, "image configuration")
    if config.rootfs.type != "layers":
        raise InvalidArgument(f"invalid image configuration: unsupported rootfs type {config.rootfs.type!r}")
    for diff_id in config.diff_ids:
        digests.parse(diff_id)
    if layers is not None and len(config.diff_ids) != layers:
        raise InvalidArgument(
            f"invalid manifest, layers length mismatch: expected {layers}, got {len(config.diff_ids)}"
        )
    check_run_config(config.run)
    return config


def check_run_config(config: Config) -> None:
    """NUL cannot be passed to execve(2); refused here, where the image comes in, and not when it is run."""
    words = [
        *(config.Env or ()),
        *config.entrypoint,
        *config.command,
        config.User or "",
        config.WorkingDir or "",
    ]
    if any("\0" in word for word in words):
        raise InvalidArgument("invalid image configuration: NUL byte in a string")


def _decode(data: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid {what}: {error}") from error
