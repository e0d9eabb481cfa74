"""One message with its files over a SOCK_SEQPACKET socket (unix(7)).

*Lonely* and light: only `_socket`. Messages longer than MESSAGE_LIMIT travel in a memfd, and files
beyond what one SCM_RIGHTS carries go ahead of their message, so that neither a long environment nor a
thousand published ports has a limit of its own.
"""

import os
import sys
from _socket import (
    AF_UNIX,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    SCM_RIGHTS,
    SOCK_CLOEXEC,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    socket,
    socketpair,
)
from collections.abc import Sequence
from typing import NamedTuple

from sampan.runtime.protocol import MESSAGE_LIMIT, Message, encode

_FILES_LIMIT = 250  # SCM_MAX_FD is 253 (include/net/scm.h)
_MORE_FILES = b"+"  # no JSON text: files of the message that follows
_IN_MEMFD = b"@"  # no JSON text: the last file holds the message
_INT = 4


class Packet(NamedTuple):
    """What arrived: the encoded message, and files that the receiver now owns."""

    data: bytes
    files: list[int]


class Refused(Exception):
    """Not a message: the other end does not speak this protocol."""


def send(sock: socket, message: Message, files: Sequence[int] = (), sequence: int = 0, *, wait: bool) -> None:
    """Raises BlockingIOError when the queue is full and not `wait`; BrokenPipeError when nobody is there.

    A message with more than 250 files is for `wait`: otherwise the first of its packets may have gone.
    """
    transmit(sock, encode(message, sequence), files, wait=wait)


def transmit(sock: socket, data: bytes, files: Sequence[int] = (), *, wait: bool) -> None:
    """As `send`, for a message that is encoded already."""
    cut = packets(data, files)
    try:
        for part, some in cut:
            put(sock, part, some, wait=wait)
    finally:
        release(cut)


def put(sock: socket, data: bytes, files: Sequence[int], *, wait: bool) -> None:
    """One of the `packets`."""
    ancillary = [(SOL_SOCKET, SCM_RIGHTS, _packed(files))] if files else []
    sock.sendmsg([data], ancillary, MSG_NOSIGNAL | (0 if wait else MSG_DONTWAIT))


def packets(data: bytes, files: Sequence[int]) -> list[tuple[bytes, list[int]]]:
    """How `data` and `files` are cut up; give it to `release` when it is sent."""
    rest = list(files)
    cut = []
    while len(rest) > _FILES_LIMIT - 1:
        cut.append((_MORE_FILES, rest[: _FILES_LIMIT - 1]))
        del rest[: _FILES_LIMIT - 1]
    if len(data) <= MESSAGE_LIMIT:
        cut.append((data, rest))
    else:
        cut.append((_IN_MEMFD, [*rest, _memfd(data)]))
    return cut


def release(cut: Sequence[tuple[bytes, list[int]]]) -> None:
    """Close the memfd that `packets` may have made."""
    data, files = cut[-1]
    if data == _IN_MEMFD:
        os.close(files[-1])


def receive(sock: socket, *, wait: bool = True) -> Packet | None:
    """The next message, or None at the end of the connection. Raises BlockingIOError, Refused."""
    files: list[int] = []
    while True:
        data, ancillary, _, _ = sock.recvmsg(
            MESSAGE_LIMIT,
            CMSG_SPACE(_FILES_LIMIT * _INT),
            MSG_CMSG_CLOEXEC | (0 if wait or files else MSG_DONTWAIT),
        )
        for _level, _kind, packed in ancillary:
            files += _unpacked(packed)
        if not data:
            close_all(files)
            return None
        if data != _MORE_FILES:
            break
    if data == _IN_MEMFD:
        if not files:
            raise Refused("no memfd came with the message")
        data = _read_all(files.pop())
    return Packet(data, files)


def pair() -> tuple[socket, socket]:
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)


def close_all(files: Sequence[int]) -> None:
    for fd in files:
        os.close(fd)


def _packed(files: Sequence[int]) -> bytes:
    return b"".join(fd.to_bytes(_INT, sys.byteorder) for fd in files)


def _unpacked(packed: bytes) -> list[int]:
    return [
        int.from_bytes(packed[at : at + _INT], sys.byteorder) for at in range(0, len(packed) - _INT + 1, _INT)
    ]


def _memfd(data: bytes) -> int:
    fd = os.memfd_create("sampan-message", os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return fd


def _read_all(fd: int) -> bytes:
    """The whole of a memfd, from its start; closes it."""
    try:
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)
