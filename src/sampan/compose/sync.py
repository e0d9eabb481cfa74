"""Changed files into running containers: what is here is copied, what is gone is removed."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

from sampan.client.container import archive
from sampan.compose import hooks
from sampan.compose.model import Hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.client.connection import Client


def sync(client: Client, container: str, copies: Mapping[str, str]) -> None:
    """`copies`: path here → path in the container."""
    gone = sorted(target for path, target in copies.items() if not os.path.lexists(path))
    if gone:
        hooks.run(client, container, Hook(command=["rm", "-rf", "--", *gone], user="0"))
    present = {path: target for path, target in copies.items() if os.path.lexists(path)}
    if present:
        archive.put(client, container, "/", [packed(present)])


def packed(copies: Mapping[str, str]) -> bytes:
    """A tar with the files by their paths in the container, root's as COPY would make them."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, target in sorted(copies.items(), key=lambda item: item[1]):
            try:
                _add(tar, path, target.lstrip("/"))
            except FileNotFoundError:
                continue  # gone meanwhile: there will be an event for that
    return whole.getvalue()


def _add(tar: tarfile.TarFile, path: str, name: str) -> None:
    member = tar.gettarinfo(path, name)
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    if not member.isreg():
        if member.issym() or member.isdir():
            tar.addfile(member)
        return
    with open(path, "rb") as file:
        member.size = os.fstat(file.fileno()).st_size
        tar.addfile(member, file)
