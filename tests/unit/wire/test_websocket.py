"""Frames of RFC 6455, from its own examples and from clients that mean no good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.wire import websocket
from sampan.wire.websocket import BINARY, CLOSE, PING, PROTOCOL_ERROR, TEXT, TOO_BIG, Decoder, ProtocolError

MASK = b"\x37\xfa\x21\x3d"


def masked(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """As a client sends it."""
    head = websocket.frame(opcode, payload)
    start = len(head) - len(payload)
    first = head[0] if final else head[0] & 0x7F
    body = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
    return bytes((first, head[1] | 0x80)) + head[2:start] + MASK + body


def test_the_handshake_of_the_specification() -> None:
    assert websocket.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("key", ["", "x", "c2hvcnQ=", "dGhlIHNhbXBsZSBub25jZQ==\n", "ü"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError):
        websocket.accept(key)


def test_the_frames_of_the_specification() -> None:
    assert websocket.frame(TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert Decoder().feed(bytes.fromhex("818537fa213d7f9f4d5158")) == [(TEXT, b"Hello")]
    assert websocket.frame(BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert websocket.frame(BINARY, bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")
    assert websocket.close(1000) == bytes.fromhex("880203e8")


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 40))
def test_however_it_is_cut(payloads: list[bytes], size: int) -> None:
    data = b"".join(masked(BINARY, payload) for payload in payloads)
    decoder, found = Decoder(), []
    for at in range(0, len(data), size):
        found += decoder.feed(data[at : at + size])
    assert found == [(BINARY, payload) for payload in payloads]


def test_a_message_in_parts_with_a_ping_between() -> None:
    data = masked(TEXT, b"ab", final=False) + masked(PING, b"?") + masked(0, b"c")
    assert Decoder().feed(data) == [(TEXT, b"ab"), (PING, b"?"), (BINARY, b"c")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (websocket.frame(BINARY, b"x"), PROTOCOL_ERROR),  # not masked
        (b"\xc2\x80", PROTOCOL_ERROR),  # an extension
        (masked(0, b"x"), PROTOCOL_ERROR),  # continues nothing
        (masked(3, b"x"), PROTOCOL_ERROR),
        (masked(11, b"x"), PROTOCOL_ERROR),
        (masked(CLOSE, b"x" * 126), PROTOCOL_ERROR),
        (masked(PING, b"", final=False), PROTOCOL_ERROR),
        (masked(TEXT, b"a", final=False) + masked(TEXT, b"b"), PROTOCOL_ERROR),
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big"), TOO_BIG),
    ],
)
def test_what_is_refused(data: bytes, code: int) -> None:
    with pytest.raises(ProtocolError) as raised:
        Decoder().feed(data)
    assert raised.value.code == code
