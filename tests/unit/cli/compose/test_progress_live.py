"""Lines of progress that are drawn in place."""

import os
import re
from collections.abc import Iterator

import pytest

from sampan.cli.compose.progress_live import DONE, ERROR, WARNING, WORKING, Live, status_of
from sampan.cli.picture import Picture


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("Creating", WORKING),
        ("Recreate", WORKING),
        ("Waiting", WORKING),
        ("Running", DONE),
        ("Created", DONE),
        ("Healthy", DONE),
        ("Skipped: No image to be pulled", WARNING),
        ("Warning: No resource found to remove", WARNING),
        ("Resource is still in use", WARNING),
        ("Error exited with code 3", ERROR),
    ],
)
def test_status(state: str, status: str) -> None:
    assert status_of(state) == status


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe2(os.O_NONBLOCK)
    yield read, write
    os.close(read)
    os.close(write)


def screen(data: bytes) -> list[str]:
    """What a terminal shows after these bytes."""
    lines: list[str] = []
    row = 0
    for part in re.findall(r"\x1b\[\d*[A-Zm]|[^\x1b\n]+|\n", data.decode()):
        if part.endswith("A") and part[0] == "\x1b":
            row -= int(part[2:-1])
        elif part == "\x1b[2K":
            lines[row:] = [*([""] if row >= len(lines) else []), *lines[row:]]
            lines[row] = ""
        elif part == "\n":
            row += 1
        elif part[0] != "\x1b":
            lines += [""] * (row + 1 - len(lines))
            lines[row] += part
    return lines


def test_drawn_in_place(pipe: tuple[int, int]) -> None:
    live = Live(pipe[1], "compose stop", colour=False)
    live("Container", "web-1", "Stopping")
    live("Container", "db-1", "Stopping")
    live("Container", "web-1", "Stopped")
    live("Container", "db-1", "Error no such container\nmore")
    live.settle()
    live("Container", "late-1", "Stopped")
    live.settle()
    shown = screen(os.read(pipe[0], 1 << 16))
    assert [re.sub(r"\s+\d+\.\ds$", "", line) for line in shown] == [
        "[+] Stopping 2/2",
        " ✔ Container web-1  Stopped",
        " ✘ Container db-1   Error no such container",
        "[+] Stopping 1/1",
        " ✔ Container late-1  Stopped",
    ]
    assert {len(line) for line in shown if not line.startswith("[+]")} == {80}


def test_colours_and_control_characters(pipe: tuple[int, int]) -> None:
    live = Live(pipe[1], "compose up", colour=True)
    live("Container", "a\x1b[2Jb", "Started")
    live.settle()
    drawn = os.read(pipe[0], 1 << 16).decode()
    assert "\x1b[32m✔\x1b[0m" in drawn
    assert "\x1b[2J" not in drawn
    assert drawn.startswith("\x1b[2K[+] Running 1/1\n")


def test_more_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]) -> None:
    monkeypatch.setattr(Picture, "size", lambda _self: (60, 6))
    live = Live(pipe[1], "compose up", colour=False)
    for number in range(9):
        live("Container", f"c-{number}", "Created")
    live("Container", "c-0", "Starting")
    shown = screen(os.read(pipe[0], 1 << 16))
    assert [re.sub(r"\s+\d+\.\ds$", "", line)[2:].strip() for line in shown] == [
        "] Running 8/9",
        "Container c-0  Starting",
        "Container c-6  Created",
        "Container c-7  Created",
        "Container c-8  Created",
    ]
    live("Container", "c-0", "Started")
