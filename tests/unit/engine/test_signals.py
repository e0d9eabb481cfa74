"""Signals as clients write them."""

import pytest

from sampan.engine import signals
from sampan.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "number"),
    [("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("hup", 1), ("RTMIN+3", 37), ("SIGRTMAX-1", 63)],
)
def test_signals(text: str, number: int) -> None:
    assert signals.number(text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "FOO", "-1", "9" * 30, "²", "KILL\n"])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid signal"):
        signals.number(text)
