"""The build on a terminal: every step with its time, the output of what runs below it, drawn in place."""

from __future__ import annotations

import time

from sampan.cli.image.build_display import Base, Step
from sampan.cli.picture import Picture, cut

_SHOWN = 6  # lines of output of a running step
_INTERVAL = 0.08  # seconds between two pictures


class Live(Base):
    quiet = False

    def __init__(self, descriptor: int) -> None:
        self._picture = Picture(descriptor)
        self._steps: list[Step] = []
        self._began = time.monotonic()
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
        width, height = self._picture.size()
        lines = self._lines(width, final=final)
        if not final:
            lines = lines[:1] + lines[1:][-(height - 2) :]
        self._picture.draw(lines)
        if final:
            self._picture.settle()
        self._last = time.monotonic()

    def _lines(self, width: int, *, final: bool) -> list[str]:
        done = sum(1 for step in self._steps if step.ended)
        state = " FINISHED" if final else ""
        total = f"{time.monotonic() - self._began:.1f}s"
        lines = [cut(f"[+] Building {total} ({done}/{len(self._steps)}){state}", width)]
        for step in self._steps:
            lines.append(_step(step, width))
            if not step.ended:
                lines += [cut(f" => => # {line}", width) for line in step.lines[-_SHOWN:]]
        return lines


def _step(step: Step, width: int) -> str:
    mark = " => ERROR" if step.failure else " => CACHED" if step.cached else " =>"
    seconds = f"{step.seconds():.1f}s"
    left = cut(f"{mark} {step.name}", width - len(seconds) - 1)
    text = left.ljust(width - len(seconds) - 1) + " " + seconds
    color = "31" if step.failure else "34" if step.ended else ""
    return f"\x1b[{color}m{text}\x1b[0m" if color else text
