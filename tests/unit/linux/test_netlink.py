"""Golden bytes, decoded back; what the kernel answers to them is in tests/integration/network."""

import errno
import struct

from sampan.linux import netlink
from sampan.linux.netlink import Answer, Message


def test_attributes_are_padded_but_their_length_is_not() -> None:
    assert netlink.attribute(3, b"abc\0x") == b"\x09\0\x03\0abc\0x\0\0\0"
    assert netlink.text(3, "lo") == b"\x07\0\x03\0lo\0\0"


def test_nested_attributes_read_back() -> None:
    data = netlink.nested(18, netlink.text(1, "veth"), netlink.u32(4, 1500))
    (kind, payload), *rest = netlink.sequence_of(data)
    assert kind == 18 and not rest
    inner = netlink.attributes(payload)
    assert netlink.string(inner[1]) == "veth"
    assert struct.unpack("=I", inner[4]) == (1500,)


def test_an_attribute_cut_short_ends_the_list() -> None:
    data = netlink.u32(1, 7) + b"\x20\0\x02\0ab"
    assert list(netlink.attributes(data)) == [1]
    assert netlink.attributes(b"\x02\0\x01\0") == {}


def test_messages_of_one_datagram_read_back() -> None:
    packed = Message(16, 5, b"abcde").pack(7) + Message(17, 1, b"").pack(8)
    assert len(packed) == 16 + 8 + 16
    first, second = netlink.answers(packed)
    assert (first.kind, first.flags, first.sequence, bytes(first.body)) == (16, 5, 7, b"abcde")
    assert (second.kind, second.sequence, bytes(second.body)) == (17, 8, b"")


def test_an_acknowledgement_is_no_failure() -> None:
    assert netlink.failure(Answer(netlink.NLMSG_ERROR, 0, 1, memoryview(bytes(20)))) is None


def test_a_failure_carries_errno_and_the_kernels_sentence() -> None:
    body = struct.pack("=i", -errno.EEXIST) + bytes(16) + netlink.text(1, "ipv4: Address already assigned")
    answer = Answer(netlink.NLMSG_ERROR, netlink.NLM_F_ACK_TLVS, 1, memoryview(body))
    error = netlink.failure(answer, "eth0")
    assert error is not None
    assert error.errno == errno.EEXIST
    assert error.strerror == "File exists: ipv4: Address already assigned"
    assert error.filename == "eth0"


def test_a_dump_that_ends_with_an_error_says_so() -> None:
    answer = Answer(netlink.NLMSG_DONE, 0, 1, memoryview(struct.pack("=i", -errno.EOPNOTSUPP)))
    error = netlink.failure(answer)
    assert error is not None and error.errno == errno.EOPNOTSUPP
