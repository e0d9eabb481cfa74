"""Paths and addresses in compose files."""

from __future__ import annotations

import os

_REMOTE = ("https://", "http://", "git://", "ssh://", "git@", "github.com/", "docker-image://", "service:")
_REMOTE_NAMED = ("oci-layout://", "target:")


def is_remote(text: str) -> bool:
    """An address, or the name of something that is no directory."""
    return text.startswith((*_REMOTE, *_REMOTE_NAMED)) or text.partition("#")[0].endswith(".git")


def absolute(path: str, directory: str, home: str) -> str:
    if path == "~" or path.startswith("~/"):
        path = home + path[1:] if home else path
    return os.path.normpath(os.path.join(directory, path))


def looks_local(source: str) -> bool:
    """The source of a volume that is a path and not a name."""
    return source.startswith((".", "/", "~"))
