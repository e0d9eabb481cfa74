"""A live bar per layer, by rich. Imported on a terminal only."""

from __future__ import annotations

from sampan.cli import libraries
from sampan.cli.format import plain

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
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        self._file = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (the descriptor is stdout)
        self._console = Console(file=self._file, highlight=False, markup=False, soft_wrap=True)
        self._progress: Progress = Progress(
            TextColumn("{task.fields[layer]}:", markup=False),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=self._console,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def show(self, message: dict[str, Any]) -> None:
        identity = str(message.get("id", ""))
        status = plain(str(message.get("status", message.get("stream", "")))).rstrip()
        if not identity or status.startswith("Pulling from"):
            self._console.print(f"{identity}: {status}" if identity else status)
            return
        self._progress.start()
        if identity not in self._tasks:
            self._tasks[identity] = self._progress.add_task(status, total=None, layer=plain(identity))
        task = self._tasks[identity]
        detail = message.get("progressDetail") or {}
        if status in _DONE:
            size = self._progress.tasks[self._progress.task_ids.index(task)].total or 1
            self._progress.update(task, description=status, completed=size, total=size)
        elif detail.get("current") is not None:
            total = detail.get("total") or None
            self._progress.update(task, description=status, completed=detail["current"], total=total)
        else:
            self._progress.update(task, description=status)

    def close(self) -> None:
        self._progress.stop()
        self._file.close()
