"""`sampan context import`: what `context export` wrote, ours or Docker's, or a zip of the same files."""

from __future__ import annotations

import io
import tarfile
import zipfile

from sampan.cli import console
from sampan.cli.context import store
from sampan.errors import Conflict, InvalidArgument
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTEXT FILE|-"
SHORT = "Read a context from a tar or zip archive"
ALIASES = ()
ARGUMENTS = (2, 2)
FLAGS = ()
_LIMIT = 10 << 20  # bytes, as docker/cli (context/store, maxAllowedFileSizeToImport)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, source = arguments
    store.check_name(name)
    contexts = store.of(session.config_directory)
    if contexts.exists(name):
        raise Conflict(f'context "{name}" already exists')
    meta, material = None, dict[str, dict[str, bytes]]()
    for path, content in _entries(_read(source)):
        parts = path.split("/")
        if path == "meta.json":
            meta = json.loads(content)
        elif len(parts) == 3 and parts[0] == "tls" and parts[1] not in ("", ".", ".."):
            if parts[2] not in store.TLS_FILES:
                raise InvalidArgument(f"{path}: unexpected context file")
            material.setdefault(parts[1], {})[parts[2]] = content
        else:
            raise InvalidArgument(f"{path}: unexpected context file")
    if not isinstance(meta, dict):
        raise InvalidArgument("invalid context: no metadata found")
    meta["Name"] = name
    contexts.write(meta, material)
    console.out(name)
    console.error(f'Successfully imported context "{name}"')
    return 0


def _read(source: str) -> bytes:
    if source == "-":
        with open(console.STDIN, "rb", closefd=False) as file:
            data = file.read(_LIMIT + 1)
    else:
        with open(source, "rb") as file:
            data = file.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise InvalidArgument("read exceeds the defined limit")
    return data


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of the archive; whatever else is in it is passed over."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LIMIT:
                raise InvalidArgument("read exceeds the defined limit")
            yield from ((name, archive.read(name)) for name in archive.namelist() if name[-1:] != "/")
        return
    # Docker's export stops behind the last byte of the last file: no padding, no end of the archive.
    padded = data + bytes(-len(data) % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
    try:
        with tarfile.open(fileobj=io.BytesIO(padded), mode="r:") as tar:
            for entry in tar:
                file = tar.extractfile(entry) if entry.isreg() else None
                if file is not None:
                    yield entry.name, file.read()
    except tarfile.TarError:
        raise InvalidArgument("unexpected EOF") from None
