"""`image inspect`: what the Engine API of each version says of an image."""

from typing import Any

import msgspec

from sampan.engine import timestamps
from sampan.engine.images import mount, resolve, seal
from sampan.engine.images.images import Image, Images
from sampan.oci.image import Config

# Fields that the API has always shown, even when they are empty (moby, daemon/server/router/image,
# `legacyConfigFields`); up to 1.49 also those that belong to containers only.
_ALWAYS: dict[str, Any] = {
    "User": "",
    "Env": None,
    "Cmd": None,
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}
_OF_CONTAINERS: dict[str, Any] = {
    "Hostname": "",
    "Domainname": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Image": "",
}


def inspect(images: Images, name_or_id: str, version: tuple[int, int]) -> dict[str, Any]:
    """The document of `GET /images/NAME/json`; `version`: of the API, as (1, 51)."""
    image = seal.sealed(images, resolve.find(images, name_or_id))
    config = image.config
    document: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": image.repo_tags,
        "RepoDigests": image.repo_digests,
        "Parent": "",
        "Comment": _comment(image),
        "Created": config.created or timestamps.ZERO,
        "DockerVersion": config.docker_version or "",
        "Author": config.author or "",
        "Config": run_config(config.run, version),
        "Architecture": config.architecture,
        "Os": config.os,
        "Size": image.size,
        "GraphDriver": {"Name": "overlay2", "Data": _directories(images, image)},
        "RootFS": {"Type": "layers", "Layers": config.diff_ids},
        "Metadata": {
            "LastTagTime": timestamps.text(int(image.tagged * 1e9)) if image.repo_tags else timestamps.ZERO
        },
    }
    if config.variant:
        document["Variant"] = config.variant
    if version < (1, 44):
        document["VirtualSize"] = image.size
    if version < (1, 45):
        document["Container"] = ""
        document["ContainerConfig"] = _OF_CONTAINERS | _ALWAYS
    return document


def run_config(config: Config, version: tuple[int, int]) -> dict[str, Any]:
    """`Config` with what it says, and with what the API always says."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    for name, words in (("Entrypoint", config.entrypoint), ("Cmd", config.command)):
        if isinstance(shown.get(name), str):
            shown[name] = words
    defaults = _ALWAYS if version >= (1, 50) else _OF_CONTAINERS | _ALWAYS
    return defaults | shown


def _comment(image: Image) -> str:
    """As Docker: the image's own, or else the last step's."""
    history = image.config.history or []
    return image.config.comment or (history[-1].comment if history else None) or ""


def _directories(images: Images, image: Image) -> dict[str, str]:
    if image.is_host:
        return {"LowerDir": "/"}
    top, *rest = mount.lowerdirs(images, image)
    return {"LowerDir": ":".join(rest), "UpperDir": top} if rest else {"UpperDir": top}
