"""Contexts on the disk, in Docker's own layout, so that its client reads ours and we read its:

```
DIR/contexts/meta/SHA256(NAME)/meta.json            {"Name", "Metadata": {"Description"}, "Endpoints"}
            /tls/SHA256(NAME)/ENDPOINT/{ca,cert,key}.pem
```

Keys and endpoints that we do not know (`kubernetes`, of old clients) are kept as they are.
"""

from __future__ import annotations

import os
import shutil
from hashlib import sha256

from sampan.cli import config
from sampan.errors import InvalidArgument, NotFound
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Meta = dict[str, Any]
    Material = Mapping[str, Mapping[str, bytes]]  # endpoint → file name → content

DEFAULT = "default"
DOCKER = "docker"  # the endpoint that matters
TLS_FILES = ("ca.pem", "cert.pem", "key.pem")
_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"


class Store:
    """Those of one configuration directory."""

    def __init__(self, directory: str) -> None:
        self._root = f"{directory}/contexts"

    def meta_path(self, name: str) -> str:
        return f"{self._root}/meta/{_identity(name)}"

    def tls_path(self, name: str) -> str:
        return f"{self._root}/tls/{_identity(name)}"

    def names(self) -> list[str]:
        """Sorted by Docker's order, numbers by their value."""
        from sampan.cli import format

        try:
            entries = os.listdir(f"{self._root}/meta")
        except FileNotFoundError:
            return []
        found = [_load(f"{self._root}/meta/{entry}/meta.json").get("Name", "") for entry in entries]
        return sorted(filter(None, found), key=format.natural)

    def read(self, name: str) -> Meta:
        """Raises NotFound in Docker's words."""
        path = f"{self.meta_path(name)}/meta.json"
        try:
            return _load(path)
        except FileNotFoundError:
            text = f'context "{name}": context not found: open {path}: no such file or directory'
            raise NotFound(text) from None

    def exists(self, name: str) -> bool:
        return os.path.exists(f"{self.meta_path(name)}/meta.json")

    def material(self, name: str) -> dict[str, dict[str, bytes]]:
        """The TLS files of every endpoint."""
        found: dict[str, dict[str, bytes]] = {}
        for directory, _, files in os.walk(self.tls_path(name)):
            endpoint = os.path.relpath(directory, self.tls_path(name))
            for file in files:
                with open(f"{directory}/{file}", "rb") as opened:
                    found.setdefault(endpoint, {})[file] = opened.read()
        return found

    def write(self, meta: Meta, material: Material) -> None:
        """Make it, or replace it with its TLS files."""
        name = meta["Name"]
        os.makedirs(self.meta_path(name), 0o755, exist_ok=True)
        shutil.rmtree(self.tls_path(name), ignore_errors=True)
        for endpoint, files in material.items():
            directory = f"{self.tls_path(name)}/{endpoint}"
            os.makedirs(directory, 0o700, exist_ok=True)
            for file, content in files.items():
                _replace(f"{directory}/{file}", content, 0o600)
        _replace(f"{self.meta_path(name)}/meta.json", json.dumpb(meta), 0o644)

    def remove(self, name: str) -> None:
        """A context that is gone already is no error."""
        shutil.rmtree(self.meta_path(name), ignore_errors=True)
        shutil.rmtree(self.tls_path(name), ignore_errors=True)


def of(flag: str) -> Store:
    """`flag`: --config."""
    return Store(config.directory(flag))


def check_name(name: str) -> None:
    """Raises InvalidArgument for what cannot be a new context's."""
    import re

    if name == DEFAULT:
        raise InvalidArgument('"default" is a reserved context name')
    if not name:
        raise InvalidArgument("context name cannot be empty")
    if not re.fullmatch(_NAME, name):
        raise InvalidArgument(
            f'context name "{name}" is invalid, names are validated against regexp "{_NAME}"'
        )


def endpoint(meta: Meta) -> dict[str, Any]:
    """{"Host", "SkipTLSVerify"} of the engine; {} where it has none."""
    found = (meta.get("Endpoints") or {}).get(DOCKER)
    return found if isinstance(found, dict) else {}


def _identity(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogateescape")).hexdigest()


def _load(path: str) -> Meta:
    with open(path, "rb") as file:
        text = file.read()
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"parsing {path}: {error}") from None
    if not isinstance(value, dict):
        raise InvalidArgument(f"parsing {path}: no object")
    return value


def _replace(path: str, content: bytes, mode: int) -> None:
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
