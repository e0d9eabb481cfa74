"""`save`, `load` and `pull` of an image of 800 MB: 170 MB of the machine's own /usr, 20,000 small files,
300 MB that cannot be compressed and 300 MB that can. Each round has an image of its own, so nothing is
deleted."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import PREFIX, Engine
from rounds import OURS, Bar, Case, Row, compare

from harness.waiting import until

REGISTRY = "127.0.0.1:5999"
_PART = 300 << 20
_USR = 170 << 20
_FILES = 20_000
_TWO_THIRDS = Bar("2/3", 2 / 3, "docker")
_CONFIG = """version: 0.1
storage:
  filesystem:
    rootdirectory: {root}
http:
  addr: {address}
"""


def measure(root: Path, ours: Engine, peer: Engine, rounds: int) -> list[Row]:
    engines = {OURS: ours, "docker": peer}
    loaded = [image(root, f"{PREFIX}loaded", number) for number in range(rounds)]
    pulled = [image(root, f"{PREFIX}pulled", number) for number in range(rounds)]
    with registry(root / "registry"):
        for number, path in enumerate(pulled):
            push(path, _pulled(number))
            path.unlink()
        cases = [
            Case("load", [_TWO_THIRDS], lambda _, number: ["load", "-q", "-i", str(loaded[number])]),
            _save(root, "loaded", f"{PREFIX}loaded"),
            Case("pull", [_TWO_THIRDS], lambda _, number: ["pull", "-q", _pulled(number)]),
            _save(root, "pulled", f"{REGISTRY}/{PREFIX}pulled"),
        ]
        return [compare(case, engines, rounds) for case in cases]


def _pulled(number: int) -> str:
    return f"{REGISTRY}/{PREFIX}pulled:{number}"


def _save(root: Path, kind: str, name: str) -> Case:
    """To a new file each time."""

    def arguments(contender: str, number: int) -> list[str]:
        return ["save", "-o", str(root / f"{contender}-{kind}-{number}.tar"), f"{name}:{number}"]

    return Case(f"save of what was {kind}", [Bar("1/2", 1 / 2, "docker")], arguments)


@contextmanager
def registry(root: Path) -> Iterator[None]:
    """Debian's docker-registry, without authentication."""
    root.mkdir()
    (root / "config.yml").write_text(_CONFIG.format(root=root / "data", address=REGISTRY))
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(root / "config.yml")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def push(path: Path, name: str) -> None:
    command = ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false"]

    def pushed() -> bool:  # the registry may just be starting
        target = [f"docker-archive:{path}", f"docker://{name}"]
        return subprocess.run([*command, *target], capture_output=True, check=False).returncode == 0

    until(pushed, 300, f"push of {name}")


def image(root: Path, name: str, number: int) -> Path:
    """A docker-archive."""
    salt = f"{name}-{number}"
    path = root / f"{salt}.tar"
    layers = [root / f"{salt}-{part}.layer" for part in ("usr", "files", "random", "hexadecimal")]
    _usr(layers[0], salt)
    _many(layers[1], salt)
    _one(layers[2], (os.urandom(1 << 20) for _ in range(_PART >> 20)))
    _one(layers[3], (os.urandom(1 << 19).hex().encode() for _ in range(_PART >> 20)))
    diff_ids = ["sha256:" + _hash(layer) for layer in layers]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    ).encode()
    with tarfile.open(path, "w") as archive:
        for layer in layers:
            archive.add(layer, layer.name)
            layer.unlink()
        _add(archive, "config.json", config)
        entry = {
            "Config": "config.json",
            "RepoTags": [f"{name}:{number}"],
            "Layers": [one.name for one in layers],
        }
        _add(archive, "manifest.json", json.dumps([entry]).encode())
    return path


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def _usr(path: Path, salt: str) -> None:
    left = _USR
    with tarfile.open(path, "w") as archive:
        for directory, names, files in os.walk("/usr"):
            names.sort()
            archive.add(directory, salt + directory, recursive=False)
            for name in sorted(files):
                found = os.path.join(directory, name)
                left -= os.lstat(found).st_size
                if left < 0:
                    return
                archive.add(found, salt + found, recursive=False)


def _many(path: Path, salt: str) -> None:
    with tarfile.open(path, "w") as archive:
        for number in range(_FILES):
            _add(archive, f"many/{number // 100}/{number}.txt", f"{salt} {number}\n".encode() * 20)


def _one(path: Path, pieces: Iterator[bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("data")
        info.size = _PART
        archive.addfile(info, _Pieces(pieces))


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        self._rest = self._rest or next(self._pieces, b"")
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
