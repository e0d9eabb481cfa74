"""Netlink: messages built and read, and a socket that talks them (netlink(7), uapi linux/netlink.h).

*Lonely* and light: no import beyond `_socket` and `struct`, so that a process forked for one container
can use it without importing anything, and its memory stays small. The kernel handles a request to
rtnetlink or nfnetlink inside sendmsg(2): when that returns, every answer is already in our queue.
"""

import os
import struct
from _socket import AF_NETLINK, SO_RCVTIMEO, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, socket
from collections.abc import Iterator, Sequence
from typing import NamedTuple

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLM_F_ACK_TLVS = 0x200  # of an answer

NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10  # Linux 4.3: an error does not carry our request back
_NETLINK_EXT_ACK = 11  # Linux 4.12: an error carries the kernel's own sentence
_NETLINK_GET_STRICT_CHK = 12  # Linux 4.20: dumps filter by what the request says
_NLMSGERR_ATTR_MSG = 1

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: len, type, flags, seq, pid
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: len, type
_U32 = struct.Struct("=I")
_SO_SNDBUFFORCE = 32  # asm-generic/socket.h
_ALWAYS_FITS = 64 * 1024  # bytes
_RECEIVE = 256 * 1024  # bytes; the kernel fills dumps up to 32 KiB a message, acknowledgements far less
_PATIENCE = struct.pack("@ll", 10, 0)  # struct timeval; see the module docstring: never reached in practice


class Message(NamedTuple):
    """One request before it has a sequence number. `body`: the family's fixed header and attributes."""

    kind: int
    flags: int
    body: bytes

    def pack(self, sequence: int) -> bytes:
        length = _HEADER.size + len(self.body)
        header = _HEADER.pack(length, self.kind, self.flags, sequence, 0)
        return header + self.body + bytes(-length % 4)


class Answer(NamedTuple):
    """One message from the kernel."""

    kind: int
    flags: int
    sequence: int
    body: memoryview


def attribute(kind: int, payload: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def text(kind: int, value: str) -> bytes:
    return attribute(kind, os.fsencode(value) + b"\0")


def u32(kind: int, value: int) -> bytes:
    """In host order (rtnetlink)."""
    return attribute(kind, _U32.pack(value))


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def attributes(data: bytes | memoryview) -> dict[int, memoryview]:
    """{type: payload}; of several with one type the last (see `sequence_of` for lists)."""
    return dict(sequence_of(data))


def sequence_of(data: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """(type, payload) of each attribute, in order; stops at the first that is cut short."""
    view = memoryview(data)
    offset = 0
    while offset + _ATTRIBUTE.size <= len(view):
        length, kind = _ATTRIBUTE.unpack_from(view, offset)
        if length < _ATTRIBUTE.size or offset + length > len(view):
            return
        yield kind & NLA_TYPE_MASK, view[offset + _ATTRIBUTE.size : offset + length]
        offset += length + (-length % 4)


def string(payload: memoryview) -> str:
    return os.fsdecode(bytes(payload).split(b"\0", 1)[0])


def answers(data: bytes) -> Iterator[Answer]:
    """The messages of one datagram."""
    view = memoryview(data)
    offset = 0
    while offset + _HEADER.size <= len(view):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(view, offset)
        if length < _HEADER.size or offset + length > len(view):
            return
        yield Answer(kind, flags, sequence, view[offset + _HEADER.size : offset + length])
        offset += length + (-length % 4)


def failure(answer: Answer, operand: str = "") -> OSError | None:
    """What an NLMSG_ERROR (errno 0: success) or NLMSG_DONE says: an OSError with the kernel's own
    sentence where there was one."""
    number = -struct.unpack_from("=i", answer.body)[0] if len(answer.body) >= 4 else 0
    if number == 0:
        return None
    sentence = os.strerror(number)
    if answer.kind == NLMSG_ERROR and answer.flags & NLM_F_ACK_TLVS:
        # errno, then the header of our request (NETLINK_CAP_ACK), then attributes.
        explained = attributes(answer.body[4 + _HEADER.size :]).get(_NLMSGERR_ATTR_MSG)
        if explained is not None:
            sentence = f"{sentence}: {string(explained)}"
    return OSError(number, sentence, operand or None)


class Socket:
    """A netlink socket in the network namespace of the thread that makes it. Close it, or use `with`."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
        self._sequence = 0
        try:
            for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            self._socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, _PATIENCE)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        """Of the socket, once something was sent: the kernel chose it then (netlink(7))."""
        return int(self._socket.getsockname()[0])

    def fileno(self) -> int:
        return self._socket.fileno()

    def talk(self, messages: Sequence[Message]) -> None:
        """Send all in one datagram and read every acknowledgement; raise the first error.

        Rtnetlink goes on after a message that failed: what stands behind it has been tried too.
        """
        if not messages:
            return
        first = self._sequence + 1
        self._sequence += len(messages)
        packed = (m._replace(flags=m.flags | NLM_F_ACK).pack(first + i) for i, m in enumerate(messages))
        self._socket.send(b"".join(packed))
        error = self._acknowledged(first, self._sequence)
        if error is not None:
            raise error

    def transact(self, begin: Message, messages: Sequence[Message], end: Message) -> None:
        """An nfnetlink batch: all of it or nothing. Raises the error of the first message that failed.

        Only the last message asks for an acknowledgement; errors come unasked, and one about the batch
        as a whole carries the number of `begin` (net/netfilter/nfnetlink.c, nfnetlink_rcv_batch).
        """
        if not messages:
            return
        last = messages[-1]
        batch = [begin, *messages[:-1], last._replace(flags=last.flags | NLM_F_ACK), end]
        first = self._sequence + 1
        self._sequence += len(batch)
        packed = b"".join(m.pack(first + i) for i, m in enumerate(batch))
        self._make_room(len(packed))
        self._socket.send(packed)
        error = self._batch_result(first, first + len(messages))
        if error is not None:
            raise error

    def _make_room(self, size: int) -> None:
        """A batch is one datagram, and none is longer than the send buffer (netlink_sendmsg: EMSGSIZE), which
        is 208 KiB unless somebody with CAP_NET_ADMIN wants more (socket(7))."""
        if size > _ALWAYS_FITS:
            try:
                self._socket.setsockopt(SOL_SOCKET, _SO_SNDBUFFORCE, size)
            except PermissionError:
                return  # it may fit all the same: the kernel has the last word

    def dump(self, message: Message) -> list[bytes]:
        """The bodies of all answers to a dump request. Asks again when the kernel says that the table
        changed meanwhile (NLM_F_DUMP_INTR)."""
        while True:
            self._sequence += 1
            request = message._replace(flags=message.flags | NLM_F_DUMP)
            self._socket.send(request.pack(self._sequence))
            bodies = self._collect(self._sequence)
            if bodies is not None:
                return bodies

    def get(self, message: Message) -> bytes:
        """The body of the one answer to a request that is no dump."""
        self._sequence += 1
        self._socket.send(message.pack(self._sequence))
        for answer in self._received(self._sequence, self._sequence):
            if answer.kind != NLMSG_ERROR:
                return bytes(answer.body)
            if (error := failure(answer)) is not None:
                raise error
        raise AssertionError("unreachable: _received does not end")

    def _received(self, first: int, last: int) -> Iterator[Answer]:
        while True:
            for answer in answers(self._socket.recv(_RECEIVE)):
                if first <= answer.sequence <= last:
                    yield answer

    def _acknowledged(self, first: int, last: int) -> OSError | None:
        error = None
        for answer in self._received(first, last):
            if answer.kind == NLMSG_ERROR:
                error = error or failure(answer)
                if answer.sequence == last:
                    break
        return error

    def _batch_result(self, begin: int, last: int) -> OSError | None:
        error = None
        for answer in self._received(begin, last):
            if answer.kind != NLMSG_ERROR:
                continue
            error = error or failure(answer)
            if answer.sequence in (begin, last):
                break
        return error

    def _collect(self, sequence: int) -> list[bytes] | None:
        bodies = []
        interrupted = 0
        for answer in self._received(sequence, sequence):
            interrupted |= answer.flags & NLM_F_DUMP_INTR
            if answer.kind in (NLMSG_DONE, NLMSG_ERROR):
                if (error := failure(answer)) is not None:
                    raise error
                break
            bodies.append(bytes(answer.body))
        return None if interrupted else bodies
