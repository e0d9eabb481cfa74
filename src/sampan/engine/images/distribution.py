"""What a registry says of an image, without fetching it: `GET /distribution/NAME/json`."""

import threading
from typing import Any, NamedTuple

from sampan.engine.images.images import Images
from sampan.oci.image import CONFIG_LIMIT, Descriptor, Index, Manifest, Platform, parse_config, parse_document
from sampan.oci.reference import DEFAULT_TAG, Reference
from sampan.registry.auth import Credentials
from sampan.registry.client import Document
from sampan.registry.source import Source


class Distribution(NamedTuple):
    document: Document
    media_type: str
    platforms: list[dict[str, Any]]

    def descriptor(self) -> dict[str, Any]:
        return {
            "mediaType": self.media_type,
            "digest": self.document.digest,
            "size": len(self.document.data),
        }


def distribution(
    images: Images, reference: Reference, credentials: Credentials, cancelled: threading.Event
) -> Distribution:
    """Raises NotFound, Forbidden, Unauthorized, Unavailable."""
    reference = reference.with_default_tag()
    wanted = reference.digest or reference.tag or DEFAULT_TAG
    place = Source(images.hosts, reference.domain, reference.path, credentials, cancelled=cancelled)
    with place as source:
        document = source.manifest(wanted)
        parsed = parse_document(document.data, document.media_type)
        media_type = parsed.mediaType or document.media_type
        return Distribution(document, media_type, _platforms(source, parsed))


def _platforms(source: Source, parsed: Manifest | Index) -> list[dict[str, Any]]:
    if isinstance(parsed, Index):
        return [_shown(entry.platform) for entry in parsed.manifests if entry.platform]
    config = parse_config(_read(source, parsed.config))
    return [_shown(Platform(config.architecture, config.os, config.variant))]


def _read(source: Source, descriptor: Descriptor) -> bytes:
    size = min(descriptor.size, CONFIG_LIMIT)
    return b"".join(source.blob(descriptor.digest, size, 0))


def _shown(platform: Platform) -> dict[str, Any]:
    shown = {"architecture": platform.architecture, "os": platform.os}
    return {**shown, "variant": platform.variant} if platform.variant else shown
