"""The images that a build starts from: here, or pulled."""

import asyncio
import threading
from collections.abc import Callable, Iterable

from sampan.build.graph import BaseImage
from sampan.engine.builds.events import Begun, Ended, Output, Report, Vertex
from sampan.engine.builds.request import Request, credentials_for
from sampan.engine.engine import Engine
from sampan.engine.images import pull, resolve
from sampan.engine.images.images import Image
from sampan.engine.images.progress import Progress
from sampan.engine.images.seal import sealed
from sampan.errors import NotFound, SampanError
from sampan.oci import platform as platforms
from sampan.oci import reference as references
from sampan.oci.digest import is_digest
from sampan.storage.leases import Lease

__all__ = ["Bases", "Image", "Missing"]


class Missing(Exception):
    """An image that only the plan knew of: an ONBUILD of a base image names it."""

    def __init__(self, name: str, platform: str) -> None:
        super().__init__(name)
        self.name = name
        self.platform = platform


class Bases:
    """`images`: by id."""

    def __init__(
        self,
        engine: Engine,
        request: Request,
        report: Report,
        *,
        vertex: Callable[[str], Vertex],
        cancelled: threading.Event,
        lease: Lease,
    ) -> None:
        self._engine = engine
        self._request = request
        self._report = report
        self._vertex = vertex
        self._cancelled = cancelled
        self._lease = lease
        self._found: dict[tuple[str, str], BaseImage | SampanError] = {}
        self.images: dict[str, Image] = {}

    async def bring(self, wanted: Iterable[tuple[str, str]]) -> None:
        """All of them at the same time. What cannot be had is told by `find`, where its place is known."""
        await asyncio.gather(*(self._one(name, platform) for name, platform in wanted))

    def find(self, name: str, platform: str) -> BaseImage:
        """For the plan."""
        found = self._found.get((name, platform))
        if found is None:
            raise Missing(name, platform)
        if isinstance(found, SampanError):
            raise found
        return found

    async def _one(self, name: str, platform: str) -> None:
        vertex = self._vertex(f"[internal] load metadata for {_canonical(name)}")
        self._report(Begun(vertex))
        try:
            image = await asyncio.to_thread(self._bring, name, platform, vertex)
        except SampanError as error:
            self._found[name, platform] = error
            self._report(Ended(vertex, failure=str(error)))
            return
        self.images[image.id] = image
        self._found[name, platform] = _base(name, image)
        self._report(Ended(vertex, identity=image.id.removeprefix("sha256:")))

    def _bring(self, name: str, platform: str, vertex: Vertex) -> Image:
        image = None if self._request.pull else self._here(name, platform)
        if image is None:
            try:
                self._pull(name, platform, vertex)
            except NotFound:
                image = self._here(name, platform) if self._is_local(name) else None
                if image is None:
                    raise
            else:
                image = resolve.find(self._engine.images, name)
        image = sealed(self._engine.images, image, self._cancelled)  # its diff ids become part of others
        for layer in image.row.layers:
            self._engine.images.layers.has(self._lease, layer.diff_id)
        return image

    def _is_local(self, name: str) -> bool:
        return is_digest(name) or name == "host"

    def _here(self, name: str, platform: str) -> Image | None:
        try:
            image = resolve.find(self._engine.images, name)
        except NotFound:
            return None
        if platform:
            own = platforms.Platform(image.config.os, image.config.architecture, image.config.variant or "")
            if platforms.choose([own], platforms.parse(platform, self._engine.images.machine)) is None:
                return None
        return image

    def _pull(self, name: str, platform: str, vertex: Vertex) -> None:
        reference = references.parse(name)

        def report(progress: Progress) -> None:
            if progress.current is None:
                text = f"{progress.id}: {progress.status}" if progress.id else progress.status
                self._report(Output(vertex, text.encode() + b"\n"))

        pull.pull(
            self._engine.images,
            reference,
            platforms.parse(platform, self._engine.images.machine) if platform else None,
            credentials_for(self._request, reference.domain),
            report,
            cancelled=self._cancelled,
        )


def _canonical(name: str) -> str:
    try:
        return references.parse(name).with_default_tag().canonical
    except SampanError:
        return name


def _base(name: str, image: Image) -> BaseImage:
    config = image.config
    platform = platforms.Platform(config.os, config.architecture, config.variant or "")
    return BaseImage(
        _canonical(name),
        image.id,
        config.run,
        str(platform),
        tuple(config.history or ()),
        config.author or "",
    )
