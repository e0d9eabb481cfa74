"""Progress streams of the daemon on the user's screen: bars on a terminal, Docker's plain lines elsewhere."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.format import plain
from sampan.client import errors
from sampan.wire.messages import Messages

_MOST = (1 << 63) - 1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from sampan.client.connection import Exchange

    class Display(Protocol):
        """Where messages go."""

        def show(self, message: dict[str, Any]) -> None: ...
        def close(self) -> None: ...


def amounts(message: dict[str, Any]) -> tuple[int | None, int | None]:
    """How much, of how much. None for what is no amount, whoever has sent it."""
    detail = message.get("progressDetail")
    if not isinstance(detail, dict):
        return None, None
    return _amount(detail.get("current")), _amount(detail.get("total"))


def _amount(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST else None


class Nowhere:
    """`-q`."""

    def show(self, message: dict[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


class Lines:
    """One line for each message that is no moving bar, as Docker prints to what is not a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def show(self, message: dict[str, Any]) -> None:
        if message.get("progress") or amounts(message)[0] or "aux" in message:
            return
        text = message.get("stream")
        if text is None:
            identity = f"{message['id']}: " if message.get("id") else ""
            text = f"{identity}{message.get('status', '')}\n"
        shown = "\n".join(plain(line) for line in str(text).split("\n"))
        console.write(self._descriptor, shown.encode("utf-8", "surrogateescape"))

    def close(self) -> None:
        pass


def display(descriptor: int | None) -> Display:
    """What fits the file descriptor; None: nothing is shown."""
    if descriptor is None:
        return Nowhere()
    if console.is_terminal(descriptor):
        try:
            from sampan.cli.image.bars import Bars

            return Bars(descriptor)
        except ImportError:
            pass  # rich is not installed: a pull is a pull without it
    return Lines(descriptor)


def follow(exchange: Exchange, shown: Display) -> None:
    """Show the stream to its end. Raises the error that it ends with."""
    messages = Messages()
    try:
        for piece in exchange.chunks():
            for message in messages.feed(piece):
                _show(message, shown)
        for message in messages.end():
            _show(message, shown)
    finally:
        shown.close()


def _show(message: dict[str, Any], shown: Display) -> None:
    if "error" in message or "errorDetail" in message:
        raise errors.from_stream(message.get("errorDetail"), message.get("error"))
    shown.show(message)
