"""Messages as they go to syslog and journald."""

import os
import re

from sampan.runtime.protocol import Forward
from sampan.runtime.streams import STDERR, STDOUT
from sampan.runtime.syslog import compose


def forward(form: str, transport: str = "tcp") -> Forward:
    return Forward(transport, "h:1", form, "tag", 3, 1000, True, [("CONTAINER_NAME", "web\nX=1")])


def composed(form: str, stream: int = STDOUT, transport: str = "tcp") -> str:
    return compose(forward(form, transport), stream, b"text", "host", 1_700_000_000.5).decode()


def test_forms() -> None:
    stamp = r"Nov 1[45] \d\d:\d\d:20"
    when = r"2023-11-1[45]T\d\d:\d\d:20"
    zone = r"(Z|[+-]\d\d:\d\d)"
    pid = os.getpid()
    assert re.fullmatch(rf"<30>{stamp} tag\[{pid}\]: text\n", composed("unix"))
    assert re.fullmatch(rf"<27>{stamp} host tag\[{pid}\]: text\n", composed("rfc3164", STDERR))
    assert re.fullmatch(rf"<30>1 {when}{zone} host tag {pid} tag - text\n", composed("rfc5424"))
    assert re.fullmatch(rf"<30>1 {when}\.500000{zone} host tag {pid} tag - text\n", composed("rfc5424micro"))


def test_frames_are_counted_over_tls_only() -> None:
    text = composed("rfc5424", transport="tcp+tls")
    length, _, message = text.partition(" ")
    assert int(length) == len(message)
    assert message.startswith("<30>1 ")
    assert composed("rfc3164", transport="tcp+tls").startswith("<30>")


def test_a_field_of_journald_stays_one_field() -> None:
    assert composed("journald", STDERR) == "MESSAGE=text\nPRIORITY=3\nCONTAINER_NAME=web X=1\n"
