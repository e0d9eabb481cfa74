"""What the recipes of attacks share: how often, hostile images, canaries.

SAMPAN_TEST_ATTACKS multiplies the repetitions, which are few by default.
"""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

from harness.clients import Client

BUSYBOX = shutil.which("busybox") or "/bin/busybox"
_TIMES = int(os.environ.get("SAMPAN_TEST_ATTACKS", "1"))


def rounds(few: int) -> range:
    return range(few * _TIMES)


def digest(paths: Iterable[Path]) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()}


class Canary:
    """A directory outside of every container that nothing may touch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        (path / "secret").write_text(os.urandom(8).hex())
        os.utime(path / "secret", (1, 1))
        os.utime(path, (1, 1))
        self._before = self._look()

    def remember(self) -> None:
        """That it was changed by the test itself."""
        self._before = self._look()

    def _look(self) -> list[tuple[str, int, int, int, int, bytes]]:
        found = []
        for path in sorted([self.path, *self.path.rglob("*")]):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found.append(
                (str(path), status.st_mode, status.st_uid, status.st_gid, int(status.st_mtime), content)
            )
        return found

    def untouched(self) -> bool:
        return self._look() == self._before


def tree(*entries: tuple[str, str]) -> bytes:
    """A tar of a busybox root with further entries: (name, "-> TARGET"), (name, "/") for a directory, or
    (name, TEXT) for a file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(BUSYBOX, "bin/busybox")
        for name in ("sh", "cat", "ls", "sleep", "id", "true", "mount", "touch", "echo", "stat", "test"):
            archive.addfile(_link(f"bin/{name}", "busybox"))
        for name, what in entries:
            if what.startswith("-> "):
                archive.addfile(_link(name, what[3:]))
                continue
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            if what == "/":
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                member.size = len(what.encode())
                archive.addfile(member, io.BytesIO(what.encode()))
    return buffer.getvalue()


def _link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def imported(cli: Client, name: str, *entries: tuple[str, str]) -> str:
    """An image of that tree; the caller removes it."""
    cli("import", "-", name, stdin=tree(*entries))
    return name
