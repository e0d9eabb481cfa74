"""What is done, on a terminal: a line for each thing, drawn in place, with its state and its time."""

from __future__ import annotations

import threading
import time

from sampan.cli import console
from sampan.cli.picture import Picture, cut

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_INTERVAL = 0.1  # seconds between two pictures while something is under way
_TITLES = {
    "compose build": "Building",
    "compose create": "Creating",
    "compose kill": "Killing",
    "compose pause": "Pausing",
    "compose pull": "Pulling",
    "compose push": "Pushing",
    "compose restart": "Restarting",
    "compose rm": "Removing",
    "compose stop": "Stopping",
    "compose unpause": "Unpausing",
}
WORKING, DONE, WARNING, ERROR = "Working", "Done", "Warning", "Error"
_GREEN, _YELLOW, _RED, _BLUE = "32", "33", "31", "34"
_MARKS = {DONE: ("✔", _GREEN), WARNING: ("!", _YELLOW), ERROR: ("✘", _RED)}


def status_of(state: str) -> str:
    """Of the words that a step is told with: "Creating", "Created", "Skipped: …"."""
    word = state.partition(" ")[0].rstrip(":")
    if word == "Error":
        return ERROR
    if word in ("Skipped", "Warning", "Resource"):
        return WARNING
    return WORKING if word == "Recreate" or (word.endswith("ing") and word != "Running") else DONE


class _Row:
    def __init__(self, name: str, state: str, now: float) -> None:
        self.name = name
        self.began = now
        self.ended = 0.0
        self.state = ""
        self.status = ""
        self.tell(state, now)

    def tell(self, state: str, now: float) -> None:
        self.state = state.splitlines()[0] if state else ""
        self.status = status_of(state)
        self.ended = 0.0 if self.status == WORKING else now

    def seconds(self, now: float) -> str:
        return f"{(self.ended or now) - self.began:.1f}s"


class Live:
    """A report (kind, name, state). `settle` before anybody else writes. `colour`: False for none."""

    def __init__(self, descriptor: int, command: str, *, colour: bool) -> None:
        self._picture = Picture(descriptor)
        self._title = _TITLES.get(command, "Running")
        self._colour = colour
        self._rows: dict[str, _Row] = {}
        self._turn = 0
        self._lock = threading.Lock()
        self._news = threading.Event()
        threading.Thread(target=self._animate, daemon=True).start()

    def __call__(self, kind: str, name: str, state: str) -> None:
        now = time.monotonic()
        with self._lock:
            row = self._rows.get(f"{kind} {name}")
            if row is None:
                self._rows[f"{kind} {name}"] = _Row(f"{kind} {name}", state, now)
            else:
                row.tell(state, now)
            self._draw()
        self._news.set()

    def settle(self) -> None:
        """What stands there stays; what comes begins below."""
        with self._lock:
            if self._rows:
                self._draw(final=True)
            self._rows = {}
            self._picture.settle()

    def _animate(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            while self._working():
                self._news.wait(_INTERVAL)
                with self._lock:
                    self._turn += 1
                    if self._rows:
                        self._draw()

    def _working(self) -> bool:
        with self._lock:
            return any(row.status == WORKING for row in self._rows.values())

    def _draw(self, *, final: bool = False) -> None:
        width, height = self._picture.size()
        rows = list(self._rows.values())
        shown = rows if final else _fitting(rows, height - 2)
        done = sum(row.status != WORKING for row in rows)
        lines = [f"[+] {self._title} {done}/{len(rows)}"[:width], *self._lines(shown, width)]
        self._picture.draw(lines)

    def _lines(self, rows: list[_Row], width: int) -> list[str]:
        now = time.monotonic()
        name_width = max((len(row.name) for row in rows), default=0)
        return [self._line(row, name_width, width, row.seconds(now)) for row in rows]

    def _line(self, row: _Row, name_width: int, width: int, seconds: str) -> str:
        mark, colour = _MARKS.get(row.status, (_SPINNER[self._turn % len(_SPINNER)], _BLUE))
        text = console.visible(f"{row.name.ljust(name_width)}  {row.state}")
        room = width - len(seconds) - 4
        text = cut(text, room).ljust(room)
        if not self._colour:
            return f" {mark} {text} {seconds}"
        return f" \x1b[{colour}m{mark}\x1b[0m {text} \x1b[{_BLUE}m{seconds}\x1b[0m"


def _fitting(rows: list[_Row], count: int) -> list[_Row]:
    """Where there is no room for all: what is under way, and the last of what is done."""
    if len(rows) <= count:
        return rows
    working = [row for row in rows if row.status == WORKING][:count]
    done = [row for row in rows if row.status != WORKING]
    kept = {id(row) for row in (*working, *done[len(done) - (count - len(working)) :])}
    return [row for row in rows if id(row) in kept]
