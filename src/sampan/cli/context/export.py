"""`sampan context export`: a tar archive of `meta.json` and `tls/ENDPOINT/FILE`."""

from __future__ import annotations

import io
import posix
import tarfile

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.context import endpoints
from sampan.errors import InvalidArgument
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTEXT [FILE|-]"
SHORT = "Write a context to a tar archive, or to STDOUT"
ALIASES = ()
ARGUMENTS = (1, 2)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name = arguments[0]
    target = arguments[1] if len(arguments) > 1 else f"{name}.dockercontext"
    archive = _archive(*endpoints.read(session, name))
    if target == "-":
        if console.is_terminal(console.STDOUT):
            raise ExitWith(1, "cowardly refusing to export to a terminal, specify a file path")
        console.write(console.STDOUT, archive)
        return 0
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
    try:
        descriptor = posix.open(target, flags, 0o600)
    except OSError as error:
        raise InvalidArgument(f"open {target}: {(error.strerror or str(error)).lower()}") from None
    try:
        console.write(descriptor, archive)
    finally:
        posix.close(descriptor)
    console.error(f'Written file "{target}"')
    return 0


def _archive(meta: dict[str, Any], material: dict[str, dict[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, "meta.json", json.dumpb(meta), 0o644)
        _add_directory(archive, "tls")
        for endpoint, files in material.items():
            _add_directory(archive, f"tls/{endpoint}")
            for file, content in files.items():
                _add(archive, f"tls/{endpoint}/{file}", content, 0o600)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _add_directory(archive: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o700
    archive.addfile(entry)
