"""From a user's word for an image to the image: name, name with digest, id, beginning of an id."""

from sampan.engine.images import host
from sampan.engine.images.images import Image, Images, image_of
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import reference as references
from sampan.oci.digest import is_digest
from sampan.oci.reference import Reference

_HEX = frozenset("0123456789abcdef")


def find(images: Images, name_or_id: str) -> Image:
    """Raises NotFound `No such image: x:latest`. A name counts before an id that begins the same, as in
    Docker."""
    found = find_id(images, name_or_id)
    row = images.records.get(found) if found else None
    if row is None:
        raise NotFound(f"No such image: {_told(name_or_id)}")
    return image_of(row)


def find_reference(images: Images, reference: Reference) -> str | None:
    """The id of the image of that name. A digest is never answered by a tag, whatever it is called."""
    if reference.digest:
        return images.records.by_digest(reference.repository, reference.digest)
    tag = reference.tag or references.DEFAULT_TAG
    found = images.records.by_tag(reference.repository, tag)
    if found is None and (reference.repository, tag) == (host.REPOSITORY, host.TAG):
        return images.records.host()
    return found


def find_id(images: Images, text: str) -> str | None:
    """None: there is none of that name or with an id that begins so, or more than one."""
    if is_digest(text):
        return text
    if len(text) == 64 and _HEX.issuperset(text):
        return "sha256:" + text
    found = find_reference(images, references.parse(text))
    if found is not None:
        return found
    prefix = text.removeprefix("sha256:")
    if not prefix or not _HEX.issuperset(prefix):
        return None
    candidates = images.records.by_prefix(prefix)
    return candidates[0] if len(candidates) == 1 else None


def _told(text: str) -> str:
    if is_digest(text) or (len(text) == 64 and _HEX.issuperset(text)):
        return text if text.startswith("sha256:") else "sha256:" + text
    try:
        return references.parse(text).with_default_tag().familiar
    except InvalidArgument:
        return text
