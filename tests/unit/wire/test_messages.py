"""Streams of JSON objects."""

import pytest

from sampan.wire.messages import Messages


@pytest.mark.parametrize("size", [1, 5, 100])
def test_in_pieces(size: int) -> None:
    data = b'{"status":"a"}\r\n{"status":"b\\n"}\n\n{"status":"c"}'
    messages = Messages()
    found = [m for start in range(0, len(data), size) for m in messages.feed(data[start : start + size])]
    found += messages.end()
    assert [message["status"] for message in found] == ["a", "b\n", "c"]
    assert messages.end() == []
