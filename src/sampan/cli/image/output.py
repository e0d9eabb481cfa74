"""An archive on its way to a file or to stdout: save, export."""

from __future__ import annotations

import posix

from sampan.cli import console
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def check(path: str, doing: str) -> None:
    """Before anything is asked for: is there somewhere to put it? `doing`: "save image"."""
    if not path and console.is_terminal(console.STDOUT):
        raise ExitWith(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect")
    if path:
        directory = path.rpartition("/")[0] or ("/" if path.startswith("/") else ".")
        try:
            posix.stat(directory)
        except OSError:
            reason = f"stat {directory}: no such file or directory"
            raise ExitWith(1, f"failed to {doing}: invalid output path: {reason}") from None


def write(chunks: Iterable[bytes], path: str) -> None:
    """Into a file beside it first: a half archive never has the name. "": stdout."""
    if not path:
        for chunk in chunks:
            console.write(console.STDOUT, chunk)
        return
    iterator = iter(chunks)
    first = next(iterator, b"")
    if _is_special(path):
        _fill(posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC), first, iterator)
        return
    partial = f"{path}.{posix.getpid()}.part"
    descriptor = posix.open(partial, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600)
    try:
        _fill(descriptor, first, iterator)
        posix.rename(partial, path)
    except BaseException:
        posix.unlink(partial)
        raise


def _fill(descriptor: int, first: bytes, rest: Iterable[bytes]) -> None:
    try:
        console.write(descriptor, first)
        for chunk in rest:
            console.write(descriptor, chunk)
    finally:
        posix.close(descriptor)


def _is_special(path: str) -> bool:
    """A device or a pipe, /dev/null for instance, is written to as it is."""
    try:
        return posix.stat(path).st_mode & 0o170000 not in (0o100000, 0o040000)
    except OSError:
        return False
