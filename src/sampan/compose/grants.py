"""Secrets and configs whose content is in the file or in the environment: copied into a container that
has not started yet, so they are never on a disk of this machine but in the container's own files."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from sampan.client.container import archive
from sampan.compose import mounts

if TYPE_CHECKING:
    from sampan.client.connection import Client
    from sampan.compose.model import Grant, Project, Service


def has_contents(project: Project, service: Service) -> bool:
    return bool(mounts.contents(project, service))


def put(client: Client, project: Project, service: Service, identity: str) -> None:
    found = mounts.contents(project, service)
    if found:
        archive.put(client, identity, "/", [_tar(found)], keep_owner=True)


def _tar(found: list[tuple[Grant, bytes]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for grant, content in found:
            member = tarfile.TarInfo(grant.target.lstrip("/"))
            member.size = len(content)
            member.mode = 0o444 if grant.mode is None else grant.mode
            member.uid = int(grant.uid) if grant.uid.isdigit() else 0
            member.gid = int(grant.gid) if grant.gid.isdigit() else 0
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
