"""Digests as `algorithm:hex` (image-spec descriptor.md, "Digests").

Only sha256 is accepted: it is what every registry and archive in use writes, and one algorithm means that one
content has one name in the store.
"""

import hashlib

from sampan.errors import InvalidArgument

_HEX = frozenset("0123456789abcdef")


def is_digest(text: str) -> bool:
    return len(text) == 71 and text.startswith("sha256:") and _HEX.issuperset(text[7:])


def parse(text: str) -> str:
    """`text` itself if it is a digest; it is then safe as a part of a path."""
    if not is_digest(text):
        if ":" in text and not text.startswith("sha256:"):
            raise InvalidArgument("unsupported digest algorithm")
        raise InvalidArgument("invalid checksum digest format")
    return text


def hex_of(digest: str) -> str:
    return parse(digest)[7:]


def of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
