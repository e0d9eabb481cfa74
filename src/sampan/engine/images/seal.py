"""An image whose every digest is known: what `save`, `push`, `inspect` and a build on top of it need."""

import contextlib
import threading

from sampan.engine.images.images import Image, Images, image_of
from sampan.errors import Cancelled, NotFound
from sampan.storage import seal, taken
from sampan.storage.images import Row
from sampan.storage.leases import Deadline

_PATIENCE = 2.0  # seconds: enough for 2 GB


def sealed(images: Images, image: Image, cancelled: threading.Event | None = None) -> Image:
    """Itself, unless it was committed in a hurry. Calm; reads all of the new layers."""
    if not any(layer.pending or layer.size < 0 for layer in image.row.layers):
        return image
    taken.count(images.store)
    with images.store.leases.open() as lease:
        for layer in image.row.layers:
            images.layers.has(lease, layer.diff_id)
        seal.seal(images.store, image.row.layers, cancelled or threading.Event())
    row = images.records.get(image.id)
    if row is None:
        raise NotFound(f"No such image: {image.id}")
    return image_of(row)


def every(images: Images) -> list[Row]:
    """Of all images, their ids the last ones that they will have; but nobody waits long for a very large
    commit that is still being read."""
    rows = images.records.all()
    if not any(layer.pending for row in rows for layer in row.layers):
        return rows
    with contextlib.suppress(Cancelled):
        seal.seal_all(images.store, Deadline(_PATIENCE))
    return images.records.all()
