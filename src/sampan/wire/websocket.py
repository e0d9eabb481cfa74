"""The WebSocket protocol (RFC 6455), a server's half: the handshake's answer and the frames. No I/O."""

from __future__ import annotations

import base64
import hashlib

VERSION = "13"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR, TOO_BIG = 1000, 1002, 1009  # 7.4.1
_CONTINUATION = 0
_FINAL, _RESERVED, _MASKED = 0x80, 0x70, 0x80
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # 1.3
_LIMIT = 1 << 22  # bytes of one frame
_CONTROL = 125  # bytes of a control frame (5.5)


class ProtocolError(Exception):
    """`code`: what the close frame says."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def accept(key: str) -> str:
    """Sec-WebSocket-Accept for the client's Sec-WebSocket-Key. Raises ValueError for what is no key."""
    if len(base64.b64decode(key, validate=True)) != 16:
        raise ValueError(key)
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message; a server does not mask."""
    size = len(payload)
    if size < 126:
        head = bytes((_FINAL | opcode, size))
    elif size < 1 << 16:
        head = bytes((_FINAL | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


def close(code: int) -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big"))


class Decoder:
    """Bytes of a client in, (opcode, payload) out: data as it comes (what a message was cut into does not
    matter here: this is a byte stream), and control frames.
    """

    __slots__ = ("_buffer", "_fragmented")

    def __init__(self) -> None:
        self._buffer = b""
        self._fragmented = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Raises ProtocolError."""
        self._buffer += data
        found = []
        while (taken := self._take()) is not None:
            found.append(taken)
        return found

    def _take(self) -> tuple[int, bytes] | None:
        """The first whole frame, unmasked."""
        data = self._buffer
        if len(data) < 2:
            return None
        self._check(data[0], data[1])
        size, position = data[1] & 0x7F, 2
        if size > _CONTROL:
            position += 2 if size == 126 else 8
            if len(data) < position:
                return None
            size = int.from_bytes(data[2:position], "big")
        if size > _LIMIT:
            raise ProtocolError(TOO_BIG, "the frame is too large")
        end = position + 4 + size
        if len(data) < end:
            return None
        self._buffer = data[end:]
        return self._finish(data[0], _unmasked(data[position : position + 4], data[position + 4 : end]))

    def _check(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise ProtocolError(PROTOCOL_ERROR, "no extension was agreed on")
        if not second & _MASKED:
            raise ProtocolError(PROTOCOL_ERROR, "a client must mask its frames")
        if opcode >= CLOSE:
            if opcode > PONG or not first & _FINAL or second & 0x7F > _CONTROL:
                raise ProtocolError(PROTOCOL_ERROR, "bad control frame")
        elif opcode > BINARY or (opcode == _CONTINUATION) != self._fragmented:
            raise ProtocolError(PROTOCOL_ERROR, "bad data frame")

    def _finish(self, first: int, payload: bytes) -> tuple[int, bytes]:
        opcode = first & 0x0F
        if opcode < CLOSE:
            self._fragmented = not first & _FINAL
        return (BINARY if opcode == _CONTINUATION else opcode), payload


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    """All bytes at once, as one large number."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
