"""What a container mounts of an image, and holds while it exists."""

import sqlite3

from sampan.engine.images import host
from sampan.engine.images.images import Image, Images


def lowerdirs(images: Images, image: Image) -> list[str]:
    """The lower directories of an overlay, top first. An image without layers gives an empty directory."""
    if image.is_host:
        if not image.row.tags:  # used for the first time: from now on it is listed
            images.records.tag(image.id, host.REPOSITORY, host.TAG)
        return ["/"]
    found = [images.store.layer_path(layer.number) for layer in reversed(image.lower)]
    if image.row.on_host:
        return [*found, "/"]
    return found or [images.store.empty_directory()]


def masked(images: Images, image: Image) -> list[str]:
    """Paths that must look empty inside, since they belong to the machine and not to the copy."""
    return list(images.masked) if image.is_host or image.row.on_host else []


def hold(images: Images, sql: sqlite3.Connection, container_id: str, image: Image) -> None:
    """Keep the layers of `image` for a container, also when the image is removed. Part of the transaction in
    which the container is created."""
    images.layers.hold(sql, container_id, image.layers)


def release(images: Images, sql: sqlite3.Connection, container_id: str) -> None:
    """The container is gone; `collect` may take what it held."""
    images.layers.release(sql, container_id)


def collect(images: Images) -> int:
    """Remove what nothing needs any more: bytes."""
    return images.store.collect()[1]
