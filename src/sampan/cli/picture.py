"""Lines on a terminal that are drawn again in place."""

from __future__ import annotations

import os

from sampan.cli import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Picture:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._drawn = 0  # lines

    def size(self) -> tuple[int, int]:
        """Columns and lines, never too few to draw in."""
        try:
            size = os.get_terminal_size(self._descriptor)
        except OSError:
            return 80, 24
        return max(size.columns or 80, 20), max(size.lines or 24, 5)  # 0 by 0: nobody has set it

    def draw(self, lines: Sequence[str]) -> None:
        """In place of what was drawn last; each no wider than the terminal."""
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        text = up + "".join(f"\x1b[2K{line}\n" for line in lines)
        left = self._drawn - len(lines)
        if left > 0:
            text += "\x1b[2K\n" * left + f"\x1b[{left}A"
        console.write(self._descriptor, text.encode("utf-8", "replace"))
        self._drawn = len(lines)

    def settle(self) -> None:
        """What stands there stays; what comes begins below."""
        self._drawn = 0


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
