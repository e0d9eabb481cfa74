"""A build's messages on the user's screen."""

import json
from typing import Any

import pytest

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.image import build_display
from sampan.cli.image.build_display import TRACE
from sampan.cli.image.build_live import Live


def trace(**event: Any) -> dict[str, Any]:
    return {"id": TRACE, "aux": event}


class Exchange:
    """The daemon's answer, without a daemon."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._data = b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)

    def head(self) -> int:
        return 200

    def fileno(self) -> int:
        return 0

    def chunks(self) -> Any:
        yield self._data


class Poll:
    def register(self, *_: object) -> None:
        pass

    def poll(self, *_: object) -> list[int]:
        return [1]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    shown: list[str] = []
    monkeypatch.setattr(console, "error", lambda text: shown.append(f"{text}\n"))
    monkeypatch.setattr(console, "write", lambda _fd, data: shown.append(data.decode()))
    monkeypatch.setattr("select.poll", Poll)
    return shown


GOOD = (
    trace(begun=7, name="[1/2] FROM x", quiet=False), trace(ended=7, cached=False, failure=""),
    trace(begun=8, name="[2/2] RUN y", quiet=False), trace(begun=9, name="ENV", quiet=True),
    trace(output=8, data="half ", stderr=False), trace(output=8, data="a line\n\x1b[2Jrest", stderr=False),
    trace(ended=9, cached=False, failure=""), trace(ended=8, cached=True, failure=""),
    trace(warning="Rule", message="why", excerpt="", line=3), trace(note="[Warning] x\n"),
    {"aux": {"ID": "sha256:1", "tags": [], "warnings": 1}},
)  # fmt: skip


def test_plain(screen: list[str]) -> None:
    found = build_display.follow(Exchange(*GOOD), build_display.Plain(), "Dockerfile")  # type: ignore[arg-type]
    assert found["ID"] == "sha256:1"
    lines = "".join(screen).splitlines()
    assert [line for line in lines if "0.0" not in line] == [
        "#1 [1/2] FROM x", "", "#2 [2/2] RUN y", "#2 CACHED", "[Warning] x", "", " 1 warning found:",
        " - Rule: why (line 3)",
    ]  # fmt: skip
    assert [line.split(" ", 2)[2] for line in lines if line.startswith("#2 0.")] == ["half a line", "rest"]


def test_nothing_of_a_program_reaches_the_terminal_raw(screen: list[str]) -> None:
    build_display.follow(Exchange(*GOOD), Live(2), "Dockerfile")  # type: ignore[arg-type]
    assert "\x1b[2J" not in "".join(screen)


def test_a_failure(screen: list[str]) -> None:
    messages = (
        *GOOD[:5], trace(output=8, data="oops\n", stderr=True), trace(ended=8, cached=False, failure="no"),
        {"error": "no", "errorDetail": {"message": "no", "code": 3, "process": "sh -c 'x'",
                                        "excerpt": "Dockerfile:2", "debug": "abc"}},
    )  # fmt: skip
    with pytest.raises(ExitWith) as raised:
        build_display.follow(Exchange(*messages), build_display.Silent(), "Dockerfile")  # type: ignore[arg-type]
    assert raised.value.status == 1
    assert raised.value.text == (
        "Dockerfile:2\nERROR: failed to build: failed to solve: process \"sh -c 'x'\" did not complete"
        " successfully: exit code: 3\n\nThe step's file system is kept: enter it with `sampan debug abc`"
    )
    assert "".join(screen) == "------\n > [2/2] RUN y:\nhalf oops\n------\n"
