"""Volumes, configs and secrets: claims, ConfigMaps and Secrets, and where a container has them."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sampan.compose import quantities
from sampan.compose.kubernetes import names
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.compose.model import Grant, Mount, Project, Service, Stored

    Say = Callable[[str, str], None]  # where, what

_LIMIT = 1024 * 1024  # bytes of a ConfigMap or a Secret
_CLAIM = "1Gi"


@dataclass(slots=True)
class Storage:
    """Of one service's pods: `volumes` by name, and the `mounts` of their containers. `say`: where something
    stands that cannot be translated, and what becomes of it."""

    project: Project
    service: Service
    say: Say
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    mounts: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, source: dict[str, Any], mount: dict[str, Any]) -> None:
        self.volumes.setdefault(name, {"name": name, **source})
        self.mounts.append({"name": name, **mount})

    @property
    def claims(self) -> list[str]:
        found = (volume.get("persistentVolumeClaim") for volume in self.volumes.values())
        return [claim["claimName"] for claim in found if claim]


def of_service(project: Project, service: Service, say: Say) -> Storage:
    found = Storage(project, service, say)
    for index, mount in enumerate(service.volumes):
        _mount(found, mount, f"services.{service.name}.volumes.{index}")
    for place in service.tmpfs:
        path, _, options = place.partition(":")
        found.add(names.dns(f"tmpfs{path}"), _memory(_size_of(options)), {"mountPath": path})
    if service.shm_size:
        found.add("shm", _memory(int(service.shm_size)), {"mountPath": "/dev/shm"})
    for kind in ("configs", "secrets"):
        for grant in getattr(service, kind):
            _grant(found, kind, grant)
    return found


def _size_of(options: str) -> int:
    said = dict(word.partition("=")[::2] for word in options.split(",") if word)
    return quantities.size(said["size"]) if "size" in said else 0


def _memory(size: int) -> dict[str, Any]:
    limit = {"sizeLimit": names.size(size)} if size else {}
    return {"emptyDir": {"medium": "Memory", **limit}}


def _mount(found: Storage, mount: Mount, where: str) -> None:
    place: dict[str, Any] = {"mountPath": mount.target}
    if mount.read_only:
        place["readOnly"] = True
    if mount.type == "tmpfs":
        size = int(mount.tmpfs.size or 0) if mount.tmpfs is not None else 0
        found.add(names.dns(f"tmpfs{mount.target}"), _memory(size), place)
    elif mount.type == "bind":
        found.say(where, f"{mount.source} has to be on every node: it is a hostPath")
        found.add(names.dns(f"host{mount.target}"), {"hostPath": {"path": mount.source}}, place)
    elif mount.type == "image":
        if mount.image is not None and mount.image.subpath:
            place["subPath"] = mount.image.subpath
        found.add(names.dns(f"image{mount.target}"), {"image": {"reference": mount.source}}, place)
    elif mount.type == "volume" and mount.source:
        if mount.volume is not None and mount.volume.subpath:
            place["subPath"] = mount.volume.subpath
        claim = claim_name(found.project, mount.source)
        found.add(names.dns(mount.source), {"persistentVolumeClaim": {"claimName": claim}}, place)
    elif mount.type == "volume":
        found.add(names.dns(f"anonymous{mount.target}"), {"emptyDir": {}}, place)
    else:
        found.say(where, f"mounts of type {mount.type} have no counterpart")


def claim_name(project: Project, key: str) -> str:
    volume = project.volumes.get(key)
    return names.dns(volume.name if volume is not None and volume.external else key)


def _grant(found: Storage, kind: str, grant: Grant) -> None:
    stored: Stored = getattr(found.project, kind)[grant.source]
    where = f"services.{found.service.name}.{kind}.{grant.source}"
    if grant.uid or grant.gid:
        found.say(where, "uid and gid cannot be set: files belong to root")
    name = names.dns(stored.name if stored.external else grant.source)
    source: dict[str, Any] = {"name": name} if kind == "configs" else {"secretName": name}
    if grant.mode is not None:
        source["defaultMode"] = grant.mode
    mount = {"mountPath": grant.target, "readOnly": True}
    if not (stored.file and os.path.isdir(stored.file)):
        mount["subPath"] = names.key(grant.source)
    volume = {"configMap": source} if kind == "configs" else {"secret": source}
    found.add(names.dns(f"{kind[:-1]}-{grant.source}"), volume, mount)


# Manifests


def manifests(project: Project, users: dict[str, list[Service]], say: Say) -> list[dict[str, Any]]:
    """`users`: volume → the services that mount it."""
    found = []
    for key, volume in sorted(project.volumes.items()):
        if key in users and not volume.external:
            found.append(_claim(project, key, users[key], say))
    for kind in ("configs", "secrets"):
        used = {grant.source for service in project.services.values() for grant in getattr(service, kind)}
        for key in sorted(used):
            stored: Stored = getattr(project, kind)[key]
            if not stored.external:
                found.append(_stored(project, kind, key, stored))
    return found


def _claim(project: Project, key: str, users: list[Service], say: Say) -> dict[str, Any]:
    volume = project.volumes[key]
    shared = len(users) > 1 or any(service.copies > 1 for service in users)
    if shared:
        say(f"volumes.{key}", "several pods mount it: its storage class has to know ReadWriteMany")
    if volume.driver and volume.driver != "local":
        say(f"volumes.{key}.driver", f"{volume.driver} is not translated: name a storage class")
    given = {"annotations": dict(volume.labels)} if volume.labels else {}
    options = {name: value for name, value in volume.driver_opts.items() if name != "size"}
    if options:
        say(f"volumes.{key}.driver_opts", f"{', '.join(sorted(options))}: not translated")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim_name(project, key), **given},
        "spec": {
            "accessModes": ["ReadWriteMany" if shared else "ReadWriteOnce"],
            "resources": {"requests": {"storage": _claim_size(volume.driver_opts.get("size", ""))}},
        },
    }


def _claim_size(said: str) -> str:
    try:
        return names.size(quantities.size(said)) if said else _CLAIM
    except ValueError:
        return _CLAIM


def _stored(project: Project, kind: str, key: str, stored: Stored) -> dict[str, Any]:
    found = _contents(project, key, stored)
    if sum(map(len, found.values())) > _LIMIT:
        raise InvalidArgument(f"{kind}.{key}: more than 1 MiB cannot be in a ConfigMap or a Secret")
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap" if kind == "configs" else "Secret",
        "metadata": {"name": names.dns(key)},
    }
    if kind == "secrets":
        encoded = {name: base64.b64encode(content).decode() for name, content in found.items()}
        return {**manifest, "type": "Opaque", "data": encoded}
    for name, content in found.items():
        try:
            manifest.setdefault("data", {})[name] = content.decode()
        except UnicodeDecodeError:
            binary = manifest.setdefault("binaryData", {})
            binary[name] = base64.b64encode(content).decode()
    return manifest


def _contents(project: Project, key: str, stored: Stored) -> dict[str, bytes]:
    if stored.content is not None:
        return {names.key(key): stored.content.encode()}
    if stored.environment:
        value = project.variables.get(stored.environment)
        if value is None:
            raise InvalidArgument(
                f'environment variable "{stored.environment}" required by "{key}" is not set'
            )
        return {names.key(key): value.encode()}
    if not os.path.isdir(stored.file):
        return {names.key(key): _read(stored.file)}
    entries = sorted(entry.path for entry in os.scandir(stored.file) if entry.is_file())
    return {names.key(os.path.basename(path)): _read(path) for path in entries}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LIMIT + 1)
    except OSError as error:
        raise InvalidArgument(f"open {path}: {(error.strerror or str(error)).lower()}") from None
