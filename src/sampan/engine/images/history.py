"""`history`: the steps that made an image, newest first."""

import msgspec

from sampan.engine.images import created, resolve
from sampan.engine.images.images import Images
from sampan.errors import NotFound
from sampan.oci import platform as platforms
from sampan.oci.image import History
from sampan.oci.platform import Platform


class Step(msgspec.Struct, frozen=True):
    """With the field names of the Engine API."""

    Id: str
    Created: int
    CreatedBy: str
    Tags: list[str] | None
    Size: int
    Comment: str


def history(images: Images, name_or_id: str, platform: Platform | None = None) -> list[Step]:
    """Raises NotFound, also for an image of another platform."""
    image = resolve.find(images, name_or_id)
    own = Platform(image.config.os, image.config.architecture, image.config.variant or "")
    if platform is not None and platforms.choose([own], platform) is None:
        raise NotFound(
            f"image with reference {name_or_id} was found but does not provide the specified platform"
            f" ({platform})"
        )
    sizes = iter([layer.size for layer in image.row.layers])
    steps = []
    for entry in image.config.history or ():
        size = 0 if entry.empty_layer else next(sizes, 0)
        steps.append(_step(entry, size))
    steps.reverse()
    if steps:
        steps[0] = msgspec.structs.replace(steps[0], Id=image.id, Tags=image.repo_tags or None)
    return steps


def _step(entry: History, size: int) -> Step:
    moment = int(created.seconds(entry.created))
    return Step("<missing>", moment, entry.created_by or "", None, size, entry.comment or "")
