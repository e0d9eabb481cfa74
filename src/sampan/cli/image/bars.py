"""A live bar per layer, by rich. Imported on a terminal only."""

from __future__ import annotations

from sampan.cli import format, libraries
from sampan.cli.image.progress import amounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rich.progress import Progress, TaskID

_DONE = ("Pull complete", "Already exists", "Download complete")


class Bars:
    """Lines without an ID go above the bars; each ID has a bar that says what happens to it."""

    def __init__(self, descriptor: int) -> None:
        libraries.enable()
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._file = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (it is stdout)
        self._console = Console(file=self._file, highlight=False, markup=False, soft_wrap=True)
        self._progress: Progress = Progress(
            TextColumn("{task.fields[layer]}:", markup=False),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[amount]}", markup=False),
            console=self._console,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def show(self, message: dict[str, Any]) -> None:
        if "aux" in message:
            return
        identity = format.plain(str(message.get("id", "")))
        status = format.plain(str(message.get("status", message.get("stream", "")))).rstrip()
        if not identity or status.startswith("Pulling from"):
            self._console.print(f"{identity}: {status}" if identity else status)
            return
        self._progress.start()
        if identity not in self._tasks:
            self._tasks[identity] = self._progress.add_task(status, total=1, layer=identity, amount="")
        self._move(self._tasks[identity], status, *amounts(message))

    def close(self) -> None:
        self._progress.stop()
        self._file.close()

    def _move(self, task: TaskID, status: str, current: int | None, total: int | None) -> None:
        if status in _DONE:
            self._progress.update(task, description=status, completed=1, total=1, amount="")
        elif current is None:
            self._progress.update(task, description=status)
        elif not total:
            amount = format.size(current, 3)
            self._progress.update(task, description=status, completed=0, total=None, amount=amount)
        else:
            amount = f"{format.size(current, 3)}/{format.size(total, 3)}"
            self._progress.update(task, description=status, completed=current, total=total, amount=amount)
