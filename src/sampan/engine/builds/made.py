"""What a step of a build makes: layers on top of others, and how they are looked at."""

from typing import NamedTuple

from sampan.build.views import LayersView
from sampan.engine.engine import Engine
from sampan.engine.images import mount
from sampan.engine.images.images import Image


class Made(NamedTuple):
    """A file system. `base`: the image at the bottom, None for scratch; `layers`: numbers of those on top of
    it, bottom first; `created`: of the newest, seconds since 1970."""

    key: str
    base: Image | None
    layers: tuple[int, ...] = ()
    created: float = 0.0

    def on_top(self, key: str, layer: int | None, created: float) -> "Made":
        layers = self.layers if layer is None else (*self.layers, layer)
        return Made(key, self.base, layers, created)


def lowerdirs(engine: Engine, made: Made) -> list[str]:
    """Top first; for an overlay, which wants one at least."""
    return directories(engine, made) or [engine.images.store.empty_directory()]


def directories(engine: Engine, made: Made) -> list[str]:
    """Top first. A layer that is there twice counts where it is higher: overlayfs takes none twice."""
    own = [engine.images.store.layer_path(number) for number in reversed(made.layers)]
    below = mount.lowerdirs(engine.images, made.base) if made.base is not None else []
    return list(dict.fromkeys([*own, *below]))


def masked(engine: Engine, made: Made) -> list[str]:
    return mount.masked(engine.images, made.base) if made.base is not None else []


def view(engine: Engine, made: Made) -> LayersView:
    """To be closed by the caller."""
    return LayersView(lowerdirs(engine, made), masked(engine, made))
