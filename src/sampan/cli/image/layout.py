"""An OCI layout as a directory: what a build leaves there besides an archive."""

from __future__ import annotations

import os
import re
import tarfile
from functools import partial

from sampan.cli.console import ExitWith
from sampan.cli.container.local import Pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOB = re.compile("blobs/sha256/[0-9a-f]{64}")
_INDEX = "index.json"  # last: before that the new blobs are nobody's
_FIXED = ("oci-layout", _INDEX)


def unpack(chunks: Iterator[bytes], directory: str) -> None:
    """Blobs that are there already stay, and so does what else lies there."""
    try:
        os.makedirs(os.path.join(directory, "blobs/sha256"), exist_ok=True)
        index = b""
        with tarfile.open(fileobj=Pieces(chunks), mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                if member.isfile() and (_BLOB.fullmatch(member.name) or member.name in _FIXED):
                    file = archive.extractfile(member)
                    if member.name == _INDEX:
                        index = file.read()
                    elif not os.path.exists(os.path.join(directory, member.name)):
                        _write(os.path.join(directory, member.name), iter(partial(file.read, 1 << 18), b""))
        if index:
            _write(os.path.join(directory, _INDEX), iter([index]))
    except tarfile.TarError as error:
        raise ExitWith(1, f"ERROR: invalid archive from the daemon: {error}") from None
    except OSError as error:
        raise ExitWith(1, f"ERROR: {error.filename}: {(error.strerror or '').lower()}") from None


def _write(path: str, pieces: Iterator[bytes]) -> None:
    """Under its name only when it is whole."""
    partial = f"{path}.{os.getpid()}.part"
    try:
        with open(partial, "xb") as file:
            for piece in pieces:
                file.write(piece)
        os.replace(partial, path)
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise
