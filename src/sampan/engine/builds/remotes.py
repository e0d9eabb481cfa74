"""A context that lies elsewhere: a git repository, an archive, or a lone Dockerfile behind a URL."""

import asyncio
import os
import threading
from collections.abc import Iterator

from sampan.build import remote
from sampan.build.graph import Git, Http
from sampan.build.views import DirectoryView, resolve
from sampan.engine.builds import context, fetch
from sampan.engine.builds.request import Request
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.storage.decompress import compression

_USTAR = slice(257, 262)


async def context_of(engine: Engine, request: Request, workspace: str, cancelled: threading.Event) -> str:
    """The directory that the context is in now. Raises InvalidArgument, Unavailable."""
    place = os.path.join(workspace, "remote")
    if remote.is_git(request.remote):
        source = remote.git(request.remote)
        fetched = await fetch.clone(engine, request, source, place, lambda _data, _error: None)
        return await asyncio.to_thread(_inside, fetched.directory, source)
    if not request.remote.startswith(("http://", "https://")):
        raise InvalidArgument(f"unable to prepare context: unsupported remote {request.remote!r}")
    found = await asyncio.to_thread(fetch.download, engine, Http(request.remote), place, cancelled)
    return await asyncio.to_thread(_unpacked, engine, found, workspace)


def _inside(directory: str, source: Git) -> str:
    """The subdirectory, its links followed inside the repository (CVE-2026-33748)."""
    view = DirectoryView(directory)
    try:
        found = resolve(view, source.directory)
        if found is None or not found.is_directory:
            raise InvalidArgument(
                f"unable to prepare context: no directory {source.directory!r} in {source.remote}"
            )
        return os.path.join(directory, found.path).rstrip("/")
    finally:
        view.close()


def _unpacked(engine: Engine, found: fetch.Fetched, workspace: str) -> str:
    """An archive becomes the context; anything else is the Dockerfile."""
    path = os.path.join(found.directory, found.path)
    with open(path, "rb") as file:
        first = file.read(512)
    if compression(first) or first[_USTAR] == b"ustar":
        return context.receive(engine.images.store, _pieces(path), workspace)
    os.rename(path, os.path.join(found.directory, "Dockerfile"))
    return found.directory


def _pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(1 << 18):
            yield piece
