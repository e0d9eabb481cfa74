"""J1: what others have named does nothing to the terminal it is shown on; elsewhere it is as it was."""

import os
import pty
import tty

import pytest

from sampan.cli import console

_EVIL = {
    "\x1b[2J": r"\x1b[2J",
    "\x1b]52;c;ZXZpbA==\x07": r"\x1b]52;c;ZXZpbA==\x07",
    "\x1b]8;;http://x\x1b\\y": r"\x1b]8;;http://x\x1b\y",
    "safe\rEVIL": r"safe\x0dEVIL",
    "a\b\b\x7f": r"a\x08\x08\x7f",
    "\x9b2J": r"\x9b2J",
    "\udc9b2J": r"\x9b2J",
    "\u202egnp.exe": r"\u202egnp.exe",
    "\u2066x\u2069": r"\u2066x\u2069",
    "\0": r"\x00",
}
_PLAIN = ("plain", "a\tb\nc", "Grüße 漢字 🐋", "back\\slash", "\udce4")


@pytest.mark.parametrize("text", [*_EVIL, *_PLAIN])
def test_on_a_terminal_controls_are_spelled_out(text: str) -> None:
    master, slave = pty.openpty()
    try:
        tty.setraw(slave)
        console.tell(slave, text + "\n")
        seen = os.read(master, 4096)
    finally:
        os.close(master)
        os.close(slave)
    assert seen == (_EVIL.get(text, text) + "\n").encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("text", [*_EVIL, *_PLAIN])
def test_into_a_pipe_they_are_as_they_are(text: str) -> None:
    reader, writer = os.pipe()
    console.tell(writer, text)
    os.close(writer)
    assert os.read(reader, 4096) == text.encode("utf-8", "surrogateescape")
    os.close(reader)
