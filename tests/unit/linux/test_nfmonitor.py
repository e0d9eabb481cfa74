import struct

import pytest

from sampan.linux import nfmonitor
from sampan.linux.netlink import text


def message(kind: int, table: str, port: int = 7, subsystem: int = 10) -> bytes:
    body = b"\1\0\0\0" + text(1, table)
    return struct.pack("=IHHII", 16 + len(body), subsystem << 8 | kind, 0, 0, port) + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (message(2, "sampan"), True),
        (message(0, "other") + message(8, "sampan"), True),
        (message(2, "other"), False),
        (message(0, "sampan"), False),
        (message(2, "sampan", port=5), False),
        (message(2, "sampan", subsystem=1), False),
        (message(2, "sampan")[:-4], False),
        (b"", False),
    ],
)
def test_deletes(data: bytes, expected: bool) -> None:
    assert nfmonitor.deletes(data, "sampan", own_port=5) is expected
