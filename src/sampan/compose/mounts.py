"""A service's volumes, tmpfs, secrets and configs as parts of a HostConfig. Pure.

A bind mount whose source may be made goes into `Binds`, for there the daemon makes it; `Mounts` refuses it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sampan.compose import looked
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from sampan.compose.model import Grant, Mount, Project, Service, Stored


_SOCKET = "/var/run/docker.sock"  # where clients look for it


def of_service(project: Project, service: Service) -> dict[str, Any]:
    binds: list[str] = []
    found: list[dict[str, Any]] = []
    for mount in service.volumes:
        if _is_bind(mount):
            binds.append(_bind(mount))
        else:
            found.append(_mount(project, mount))
    for key in ("secrets", "configs"):
        grants: list[Grant] = getattr(service, key)
        known: dict[str, Stored] = getattr(project, key)
        for grant in grants:
            stored = known[grant.source]
            if stored.external:
                raise InvalidArgument(f"unsupported external {key[:-1]} {grant.source}")
            if stored.file and not _is_copied(grant, stored):
                found.append(
                    {"Type": "bind", "Source": stored.file, "Target": grant.target, "ReadOnly": True}
                )
    if service.use_api_socket:
        if not project.socket:
            raise InvalidArgument(
                f"services.{service.name}.use_api_socket can only be used with a daemon on a unix socket"
            )
        found.append({"Type": "bind", "Source": project.socket, "Target": _SOCKET})
    parts: dict[str, Any] = {"Binds": binds, "Mounts": found}
    if service.tmpfs:
        parts["Tmpfs"] = {place.partition(":")[0]: place.partition(":")[2] for place in service.tmpfs}
    return {key: value for key, value in parts.items() if value}


def contents(project: Project, service: Service) -> list[tuple[Grant, bytes]]:
    """Secrets and configs that are no file of this machine: they are copied into the container before it
    starts. Raises InvalidArgument when a variable is missing."""
    found = []
    for key in ("secrets", "configs"):
        grants: list[Grant] = getattr(service, key)
        known: dict[str, Stored] = getattr(project, key)
        for grant in grants:
            stored = known[grant.source]
            if _is_copied(grant, stored):
                with open(looked.at(stored.file), "rb") as file:
                    found.append((grant, file.read()))
            elif stored.content is not None:
                found.append((grant, stored.content.encode()))
            elif stored.environment:
                if stored.environment not in project.variables:
                    raise InvalidArgument(
                        f'environment variable "{stored.environment}" required by {key[:-1]} '
                        f'"{grant.source}" is not set'
                    )
                found.append((grant, project.variables[stored.environment].encode()))
    return found


def _is_copied(grant: Grant, stored: Stored) -> bool:
    """A file that is to have another owner or mode than it has: a mount cannot give it these."""
    other = grant.uid or grant.gid or grant.mode is not None
    return bool(stored.file and other and os.path.isfile(looked.at(stored.file)))


def _is_bind(mount: Mount) -> bool:
    if mount.type != "bind" or mount.bind is None:
        return False
    return mount.bind.create_host_path and not mount.bind.recursive


def _bind(mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw"]
    if mount.bind is not None:
        options += [word for word in (mount.bind.selinux, mount.bind.propagation) if word]
    return f"{mount.source}:{mount.target}:{','.join(options)}"


def _mount(project: Project, mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": mount.type, "Target": mount.target}
    if mount.source:
        known = project.volumes.get(mount.source) if mount.type == "volume" else None
        found["Source"] = known.name if known is not None else mount.source
    if mount.read_only:
        found["ReadOnly"] = True
    if mount.consistency:
        found["Consistency"] = mount.consistency
    if mount.bind is not None:
        found["BindOptions"] = {
            key: value
            for key, value in (
                ("Propagation", mount.bind.propagation),
                ("CreateMountpoint", mount.bind.create_host_path),
                ("NonRecursive", mount.bind.recursive == "disabled"),
                ("ReadOnlyForceRecursive", mount.bind.recursive == "readonly"),
                ("ReadOnlyNonRecursive", mount.bind.recursive == "writable"),
            )
            if value
        }
    if mount.volume is not None:
        options = {
            "NoCopy": mount.volume.nocopy,
            "Labels": mount.volume.labels,
            "Subpath": mount.volume.subpath,
        }
        found["VolumeOptions"] = {key: value for key, value in options.items() if value}
    if mount.tmpfs is not None:
        tmpfs = {"SizeBytes": int(mount.tmpfs.size or 0), "Mode": mount.tmpfs.mode}
        found["TmpfsOptions"] = {key: value for key, value in tmpfs.items() if value}
    if mount.image is not None and mount.image.subpath:
        found["ImageOptions"] = {"Subpath": mount.image.subpath}
    return found
