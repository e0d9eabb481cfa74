"""The copy loop, on a socket pair and pipes."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from sampan.cli import console
from sampan.cli.container.streams import DetachKeys, Streams
from sampan.errors import Internal
from sampan.wire.stdcopy import STDERR, STDOUT, frame


class Side:
    """Pipes in the place of our standard streams, and the daemon's end of the connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ours, self.daemon = socket.socketpair()
        self.keyboard_end, self.keyboard = os.pipe()
        self.out, out_end = os.pipe()
        self.err, err_end = os.pipe()
        for name, descriptor in (("STDIN", self.keyboard_end), ("STDOUT", out_end), ("STDERR", err_end)):
            monkeypatch.setattr(console, name, descriptor)
        self.ends = (out_end, err_end)

    def run(self, **options: object) -> threading.Thread:
        thread = threading.Thread(target=lambda: Streams(self.ours, **options).run())  # type: ignore[arg-type]
        thread.start()
        return thread


@pytest.fixture
def side(monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    made = Side(monkeypatch)
    real_write = console.write
    monkeypatch.setattr(
        console,
        "write",
        lambda stream, data: real_write({1: made.ends[0], 2: made.ends[1]}.get(stream, stream), data),
    )
    yield made
    made.ours.close()
    made.daemon.close()


def test_frames_are_parted(side: Side) -> None:
    thread = side.run(tty=False, stdin=False)
    side.daemon.sendall(frame(STDOUT, b"out") + frame(STDERR, b"err")[:9])
    side.daemon.sendall(frame(STDERR, b"err")[9:])
    side.daemon.close()
    thread.join()
    assert os.read(side.out, 100) == b"out"
    assert os.read(side.err, 100) in (b"err", b"e")


def test_a_terminal_is_raw(side: Side) -> None:
    thread = side.run(tty=True, stdin=False)
    side.daemon.sendall(b"\x01\x00raw")
    side.daemon.close()
    thread.join()
    assert os.read(side.out, 100) == b"\x01\x00raw"


def test_the_end_of_stdin_is_passed_on(side: Side) -> None:
    thread = side.run(tty=False, stdin=True)
    os.write(side.keyboard, b"input")
    os.close(side.keyboard)
    received = b""
    while piece := side.daemon.recv(100):
        received += piece
    assert received == b"input"
    side.daemon.sendall(frame(STDOUT, b"still there"))
    side.daemon.close()
    thread.join()
    assert os.read(side.out, 100) == b"still there"


def test_both_directions_full(side: Side) -> None:
    """The daemon does not read until its own output is read, and the other way round: nobody waits for
    ever.
    """
    amount = 4 * 1024 * 1024
    thread = side.run(tty=True, stdin=True)

    def type_much() -> None:
        left = amount
        while left:
            left -= os.write(side.keyboard, bytes(min(left, 65536)))
        os.close(side.keyboard)

    def read_much() -> None:
        left = amount
        while left:
            left -= len(os.read(side.out, 65536))

    helpers = [threading.Thread(target=type_much), threading.Thread(target=read_much)]
    for helper in helpers:
        helper.start()
    side.daemon.sendall(bytes(amount))
    received = 0
    while piece := side.daemon.recv(65536):
        received += len(piece)
    side.daemon.close()
    for helper in [*helpers, thread]:
        helper.join(20)
    assert received == amount


def test_a_daemon_that_hangs_up_ends_it(side: Side) -> None:
    thread = side.run(tty=True, stdin=True)
    side.daemon.close()
    thread.join(10)
    assert not thread.is_alive()


def test_what_is_not_framed_is_told(side: Side) -> None:
    side.daemon.sendall(b"no frames here")
    with pytest.raises(Internal, match="Unrecognized input header"):
        Streams(side.ours, tty=False, stdin=False).run()


def test_detach_keys() -> None:
    keys = DetachKeys("")
    for typed, expected in ((b"\x10", False), (b"\x11", True), (b"x", False), (b"abc\x10\x11", True)):
        keys.feed(typed)
        assert keys.typed() is expected
    keys = DetachKeys("ctrl-@,a,ctrl-_")
    keys.feed(b"\x00a\x1f")
    assert keys.typed()
    with pytest.raises(Internal, match="Unknown character: 'ctrl-1'"):
        DetachKeys("ctrl-1")
