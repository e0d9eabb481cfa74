"""The verbs that remove what nobody needs: the question first, then what went and how much that was."""

from __future__ import annotations

from sampan.cli import console, format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FORCE = ("force", "f", "bool", False, "Do not ask first")
FILTER = ("filter", "", "filter", None, 'Remove what meets the conditions only ("until=24h")')


def agreed(warning: str) -> bool:
    """Ask. Everything but a y is a no, the end of stdin too."""
    question = f"WARNING! {warning}\nAre you sure you want to continue? [y/N] "
    console.write(console.STDOUT, question.encode())
    return _line().strip().lower() == "y"


def _line() -> str:
    """The rest of stdin is left for others."""
    import posix

    read = b""
    while not read.endswith(b"\n"):
        letter = posix.read(console.STDIN, 1)
        if not letter:
            break
        read += letter
    return read.decode("utf-8", "replace")


def tell(kind: str, names: Sequence[str], space: int | None) -> None:
    """`kind`: "Containers". `space` in bytes; None: nobody says."""
    if names:
        console.out("\n".join([f"Deleted {kind}:", *names, ""]))
    if space is not None:
        console.out(f"Total reclaimed space: {format.size(space)}")
