import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.runtime import channel
from sampan.runtime.protocol import MESSAGE_LIMIT, Exec, Hello, decode


def test_a_message_with_files() -> None:
    one, other = channel.pair()
    reader, writer = os.pipe()
    channel.send(one, Hello(), [writer], 7, wait=True)
    os.close(writer)
    packet = channel.receive(other)
    assert packet is not None
    assert decode(packet.data) == (Hello(), 7)
    os.write(packet.files[0], b"x")
    assert os.read(reader, 9) == b"x"
    assert not os.get_inheritable(packet.files[0])
    channel.close_all([reader, *packet.files])
    one.close()
    assert channel.receive(other) is None
    other.close()


@pytest.mark.parametrize("count", [0, 1, 248, 249, 250, 251, 600])
@pytest.mark.parametrize("length", [10, MESSAGE_LIMIT, MESSAGE_LIMIT + 1, 3_000_000])
def test_no_limit_of_length_or_of_files(count: int, length: int) -> None:
    one, other = channel.pair()
    null = os.open("/dev/null", os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    data = bytes(length - 1) + b"]"
    channel.transmit(one, data, [null] * count, wait=True)
    packet = channel.receive(other)
    assert packet is not None
    assert packet.data == data
    assert len(packet.files) == count
    channel.close_all(packet.files)
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(null)
    one.close()
    other.close()


def test_a_full_queue_is_said_at_once() -> None:
    one, other = channel.pair()
    with pytest.raises(BlockingIOError):
        for _ in range(100_000):
            channel.send(one, Hello(), wait=False)
    one.close()
    other.close()


def test_files_of_a_message_that_never_came_are_closed() -> None:
    one, other = channel.pair()
    null = os.open("/dev/null", os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    channel.put(one, b"+", [null, null], wait=True)
    one.close()
    assert channel.receive(other) is None
    assert len(os.listdir("/proc/self/fd")) == before - 1
    os.close(null)
    other.close()


@given(st.dictionaries(st.text(), st.text()))
def test_any_text_travels(environment: dict[str, str]) -> None:
    one, other = channel.pair()
    request = Exec("e", {"env": environment}, None)
    channel.send(one, request, wait=True)
    packet = channel.receive(other)
    assert packet is not None
    assert decode(packet.data)[0] == request
    one.close()
    other.close()
