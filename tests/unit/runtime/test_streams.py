import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.runtime.streams import DetachScanner, Outbox, frame_header, parse_keys

KEYS = parse_keys("ctrl-p,ctrl-q")


def test_frame_header_is_docker_s() -> None:
    assert frame_header(1, 0x01020304) == b"\x01\0\0\0\x01\x02\x03\x04"
    assert frame_header(2, 5) == b"\x02\0\0\0\0\0\0\x05"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-a,a,1", b"\x01a1"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x00\x1b\x1c\x1d\x1e\x1f"),
        ("q", b"q"),
        ("", b""),
    ],
)
def test_keys(keys: str, expected: bytes) -> None:
    assert parse_keys(keys) == expected


@pytest.mark.parametrize("keys", ["ctrl-", "ctrl-A", "ctrl-pp", "foo", "é", "a,"])
def test_keys_that_do_not_exist(keys: str) -> None:
    with pytest.raises(ValueError, match="Unknown character"):
        parse_keys(keys)


def test_sequence_split_over_packets() -> None:
    scanner = DetachScanner(KEYS)
    assert scanner.feed(b"ls\x10") == (b"ls", False)
    assert scanner.feed(b"\x11rest") == (b"", True)


def test_a_beginning_that_was_none_follows() -> None:
    scanner = DetachScanner(KEYS)
    assert scanner.feed(b"\x10") == (b"", False)
    assert scanner.feed(b"x") == (b"\x10x", False)
    assert scanner.feed(b"\x10\x10") == (b"\x10", False)
    assert scanner.feed(b"\x11") == (b"", True)


def test_what_was_held_back_counts_at_the_end() -> None:
    scanner = DetachScanner(KEYS)
    scanner.feed(b"a\x10")
    assert scanner.rest() == b"\x10"
    assert scanner.rest() == b""


def test_no_keys_never_detach() -> None:
    assert DetachScanner(b"").feed(b"\x10\x11") == (b"\x10\x11", False)


@given(
    st.binary(max_size=40).map(lambda b: bytes(x % 4 for x in b)),
    st.lists(st.integers(1, 5), max_size=40),
    st.sampled_from([b"\x01\x02", b"\x01", b"\x01\x01\x02", b"\x00\x01\x00\x02"]),
)
def test_cuts_do_not_matter(data: bytes, cuts: list[int], keys: bytes) -> None:
    """Whatever the packets, the result is that of one packet."""
    scanner = DetachScanner(keys)
    typed, found, at = b"", False, 0
    for length in [*cuts, len(data)]:
        part, found = scanner.feed(data[at : at + length])
        typed += part
        at += length
        if found:
            break
    if not found:
        typed += scanner.rest()
    end = data.find(keys)
    assert found == (end >= 0)
    assert typed == (data[:end] if found else data)


@given(st.lists(st.binary(max_size=20), max_size=30), st.lists(st.integers(0, 30)))
def test_outbox_keeps_every_byte_in_order(chunks: list[bytes], steps: list[int]) -> None:
    outbox = Outbox()
    for chunk in chunks:
        outbox.push(chunk)
    everything = b"".join(chunks)
    taken = b""
    for step in [*steps, *[50] * 40]:
        available = b"".join(bytes(part) for part in outbox.peek())
        count = min(step, len(available))
        taken += available[:count]
        outbox.advance(count)
        assert outbox.size == len(everything) - len(taken)
    assert taken == everything
    assert outbox.peek() == []
