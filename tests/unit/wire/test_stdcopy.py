"""Frames of stdout and stderr."""

import pytest

from sampan.wire import stdcopy
from sampan.wire.stdcopy import STDERR, STDOUT, Demultiplexer, FramingError, frame


def collect(data: bytes, size: int) -> dict[int, bytes]:
    frames = Demultiplexer()
    found = {STDOUT: b"", STDERR: b""}
    for start in range(0, len(data), size):
        for stream, piece in frames.feed(data[start : start + size]):
            found[stream] += piece
    assert frames.at_boundary()
    return found


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1000])
def test_in_pieces(size: int) -> None:
    data = frame(STDOUT, b"out") + frame(STDERR, b"") + frame(STDERR, b"error") + frame(stdcopy.STDIN, b"put")
    assert collect(data, size) == {STDOUT: b"output", STDERR: b"error"}


def test_a_large_frame_is_passed_on_as_it_comes() -> None:
    frames = Demultiplexer()
    head = bytes((1, 0, 0, 0, 255, 255, 255, 255))
    assert frames.feed(head + b"abc") == [(STDOUT, b"abc")]
    assert not frames.at_boundary()


def test_the_order_of_the_streams_is_kept() -> None:
    data = frame(STDOUT, b"1") + frame(STDERR, b"2") + frame(STDOUT, b"3")
    assert Demultiplexer().feed(data) == [(STDOUT, b"1"), (STDERR, b"2"), (STDOUT, b"3")]


def test_what_is_not_framed_is_refused() -> None:
    with pytest.raises(FramingError, match="Unrecognized input header: 104"):
        Demultiplexer().feed(b"hello, world")
