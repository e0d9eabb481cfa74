"""An image whose every digest is known: what `save`, `push`, `inspect` and a build on top of it need."""

import threading

from sampan.engine.images.images import Image, Images, image_of
from sampan.errors import NotFound
from sampan.storage import seal, taken


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
