"""What the user sees of a build: BuildKit's plain lines, or a picture that is drawn anew on a terminal."""

from __future__ import annotations

import time

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.format import plain
from sampan.wire.messages import Messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from sampan.client.connection import Exchange

    class Display(Protocol):
        def begun(self, step: Step) -> None: ...
        def output(self, step: Step, text: str) -> None: ...
        def ended(self, step: Step) -> None: ...
        def tick(self) -> None: ...
        def close(self) -> None: ...
        def raw(self, message: dict[str, Any]) -> None: ...
        @property
        def quiet(self) -> bool: ...


TRACE = "sampan.build.trace"
_TAIL = 40  # lines of a failed step's output that are shown again
_REFRESH = 100  # milliseconds


class Step:
    __slots__ = ("began", "cached", "ended", "failure", "lines", "name", "number", "rest")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.began = time.monotonic()
        self.ended = 0.0
        self.cached = False
        self.failure = ""
        self.lines: list[str] = []
        self.rest = ""

    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.began


def display(kind: str, *, quiet: bool) -> Display:
    if quiet or kind in ("quiet", "none"):
        return Silent()
    if kind == "rawjson":
        return Raw()
    if kind not in ("auto", "plain", "tty"):
        raise ExitWith(1, f"ERROR: invalid progress mode {kind}")
    if kind == "tty" or (kind == "auto" and console.is_terminal(console.STDERR)):
        from sampan.cli.image.build_live import Live

        return Live(console.STDERR)
    return Plain()


def follow(exchange: Exchange, shown: Display, dockerfile: str) -> dict[str, Any]:
    """To the end: what was built. Leaves with 1, everything told, when the build fails."""
    import select

    state = _State(shown)
    messages = Messages()
    exchange.head()
    poll = select.poll()
    poll.register(exchange.fileno(), select.POLLIN)
    try:
        chunks = exchange.chunks()
        while True:
            piece = next(chunks, None)
            if piece is None:
                break
            for message in messages.feed(piece):
                state.message(message)
            while not poll.poll(_REFRESH) and state.building:
                shown.tick()
        for message in messages.end():
            state.message(message)
    finally:
        shown.close()
    return state.finish()


class _State:
    def __init__(self, shown: Display) -> None:
        self._shown = shown
        self._steps: dict[int, Step] = {}
        self._warnings: list[dict[str, Any]] = []
        self._notes: list[str] = []
        self._failed: Step | None = None
        self._error: dict[str, Any] | None = None
        self.result: dict[str, Any] = {}
        self.building = True

    def message(self, message: dict[str, Any]) -> None:
        self._shown.raw(message)
        if "errorDetail" in message or "error" in message:
            self._error = message.get("errorDetail") or {"message": message.get("error")}
            self.building = False
        elif message.get("id") == TRACE:
            self._trace(message["aux"])
        elif isinstance(message.get("aux"), dict) and "ID" in message["aux"]:
            self.result = message["aux"]
            self.building = False

    def _trace(self, event: dict[str, Any]) -> None:
        if "begun" in event:
            if not event.get("quiet"):
                step = self._steps[event["begun"]] = Step(len(self._steps) + 1, plain(event["name"]))
                self._shown.begun(step)
        elif "output" in event:
            self._output(self._steps.get(event["output"]), event["data"])
        elif "ended" in event:
            self._ended(self._steps.get(event["ended"]), event)
        elif "warning" in event:
            self._warnings.append(event)
        elif "note" in event:
            self._notes.append(plain(event["note"].strip()))

    def _output(self, step: Step | None, text: str) -> None:
        if step is None:
            return
        *lines, step.rest = (step.rest + text).replace("\r\n", "\n").split("\n")
        for line in lines:
            self._line(step, line)

    def _line(self, step: Step, line: str) -> None:
        shown = plain(_uncolored(line.rstrip("\r").rpartition("\r")[2]))
        step.lines = [*step.lines[-_TAIL:], shown]
        self._shown.output(step, shown)

    def _ended(self, step: Step | None, event: dict[str, Any]) -> None:
        if step is None:
            return
        if step.rest:
            self._line(step, step.rest)
            step.rest = ""
        step.ended, step.cached, step.failure = time.monotonic(), event["cached"], event["failure"]
        if step.failure:
            self._failed = step
        self._shown.ended(step)

    def finish(self) -> dict[str, Any]:
        self._warn()
        if self._error is None:
            return self.result
        self._tell_failed()
        raise ExitWith(1, "\n".join(_failure(self._error)))

    def _warn(self) -> None:
        if self._shown.quiet:
            return
        for note in self._notes:
            console.error(note)
        if not self._warnings:
            return
        count = len(self._warnings)
        console.error(f"\n {count} warning{'s' if count > 1 else ''} found:")
        for warning in self._warnings:
            console.error(f" - {warning['warning']}: {plain(warning['message'])} (line {warning['line']})")

    def _tell_failed(self) -> None:
        """The end of its output once more, since other steps may have said something after it."""
        failed = self._failed
        if failed is not None and (failed.lines or not self._shown.quiet):
            lines = "".join(f"{line}\n" for line in failed.lines[-_TAIL:])
            console.write(
                console.STDERR, f"------\n > {failed.name}:\n{lines}------\n".encode("utf-8", "replace")
            )


def _uncolored(line: str) -> str:
    """Without the sequences of ECMA-48 that programs draw with."""
    if "\x1b" not in line:
        return line
    import re

    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])", "", line)


def _failure(detail: dict[str, Any]) -> list[str]:
    lines = []
    if detail.get("excerpt"):
        lines.append("\n".join(plain(line) for line in str(detail["excerpt"]).split("\n")))
    if detail.get("process"):
        told = (
            f"process {_quoted(detail['process'])} did not complete successfully: exit code: {detail['code']}"
        )
    else:
        told = plain(str(detail.get("message")))
    lines.append(f"ERROR: failed to build: failed to solve: {told}")
    if detail.get("debug"):
        identity = detail["debug"]
        lines.append(f"\nThe step's file system is kept: enter it with `{console.PROGRAM} debug {identity}`")
    return lines


def _quoted(text: str) -> str:
    return '"' + plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def summary(warnings: int) -> None:
    if not warnings:
        console.out("Check complete, no warnings found.")
    else:
        console.out(f"Check complete, {warnings} warning{'s have' if warnings > 1 else ' has'} been found!")
        raise ExitWith(1)


class Base:
    """Shows nothing."""

    quiet = True

    def begun(self, step: Step) -> None:
        pass

    def output(self, step: Step, text: str) -> None:
        pass

    def ended(self, step: Step) -> None:
        pass

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass

    def raw(self, message: dict[str, Any]) -> None:
        pass


class Silent(Base):
    """`-q`."""


class Raw(Base):
    """`--progress rawjson`: the daemon's own messages."""

    def raw(self, message: dict[str, Any]) -> None:
        from sampan.wire import json

        console.error(json.dumps(message))


class Plain(Base):
    """One line after the other. A step that says something while another did gets its head again."""

    quiet = False

    def __init__(self) -> None:
        self._current = 0

    def begun(self, step: Step) -> None:
        self._head(step)

    def _head(self, step: Step) -> None:
        if self._current != step.number:
            if self._current:
                console.error("")
            console.error(f"#{step.number} {step.name}")
            self._current = step.number

    def output(self, step: Step, text: str) -> None:
        self._head(step)
        console.error(f"#{step.number} {step.seconds():.3f} {text}")

    def ended(self, step: Step) -> None:
        self._head(step)
        if step.failure:
            console.error(f"#{step.number} ERROR: {plain(step.failure)}")
        elif step.cached:
            console.error(f"#{step.number} CACHED")
        else:
            console.error(f"#{step.number} DONE {step.seconds():.1f}s")
