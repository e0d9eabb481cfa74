"""`tag SOURCE TARGET`."""

from sampan.engine.images import resolve
from sampan.engine.images.images import Images
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import reference as references
from sampan.oci.reference import Reference


def tag(images: Images, name_or_id: str, repository: str, tag: str = "") -> str:
    """Give an image one more name: its familiar form, for the event."""
    image = resolve.find(images, name_or_id)
    target = references.parse(f"{repository}:{tag}" if tag else repository).with_default_tag()
    if target.digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    check_unambiguous(target)
    if not images.records.tag(image.id, target.repository, target.tag or references.DEFAULT_TAG):
        raise NotFound(f"No such image: {name_or_id}")
    return target.familiar


def check_unambiguous(target: Reference) -> None:
    """`sha256:…` is the name of a content, and must not become the name of an image."""
    if target.familiar_repository == "sha256":
        raise InvalidArgument("refusing to create an ambiguous tag using digest algorithm as name")
