"""The build on a terminal: every step with its time, the output of what runs below it, drawn in place."""

from __future__ import annotations

import os
import time

from sampan.cli import console
from sampan.cli.image.build_display import Base, Step

_SHOWN = 6  # lines of output of a running step
_INTERVAL = 0.08  # seconds between two pictures


class Live(Base):
    quiet = False

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._steps: list[Step] = []
        self._began = time.monotonic()
        self._drawn = 0  # lines
        self._last = 0.0

    def begun(self, step: Step) -> None:
        self._steps.append(step)
        self._draw()

    def output(self, step: Step, text: str) -> None:
        self.tick()

    def ended(self, step: Step) -> None:
        self._draw()

    def tick(self) -> None:
        if time.monotonic() - self._last >= _INTERVAL:
            self._draw()

    def close(self) -> None:
        self._draw(final=True)

    def _draw(self, *, final: bool = False) -> None:
        width, height = self._size()
        lines = self._lines(width, final=final)
        if not final:
            lines = lines[:1] + lines[1:][-(height - 2) :]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        text = up + "".join(f"\x1b[2K{line}\n" for line in lines)
        left = self._drawn - len(lines)
        if left > 0:
            text += "\x1b[2K\n" * left + f"\x1b[{left}A"
        console.write(self._descriptor, text.encode("utf-8", "replace"))
        self._drawn = 0 if final else len(lines)
        self._last = time.monotonic()

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._descriptor)
        except OSError:
            return 80, 24
        return max(size.columns or 80, 20), max(size.lines or 24, 5)  # 0 by 0: nobody has set it

    def _lines(self, width: int, *, final: bool) -> list[str]:
        done = sum(1 for step in self._steps if step.ended)
        state = " FINISHED" if final else ""
        total = f"{time.monotonic() - self._began:.1f}s"
        lines = [_cut(f"[+] Building {total} ({done}/{len(self._steps)}){state}", width)]
        for step in self._steps:
            lines.append(_step(step, width))
            if not step.ended:
                lines += [_cut(f" => => # {line}", width) for line in step.lines[-_SHOWN:]]
        return lines


def _step(step: Step, width: int) -> str:
    mark = " => ERROR" if step.failure else " => CACHED" if step.cached else " =>"
    seconds = f"{step.seconds():.1f}s"
    left = _cut(f"{mark} {step.name}", width - len(seconds) - 1)
    text = left.ljust(width - len(seconds) - 1) + " " + seconds
    color = "31" if step.failure else "34" if step.ended else ""
    return f"\x1b[{color}m{text}\x1b[0m" if color else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
