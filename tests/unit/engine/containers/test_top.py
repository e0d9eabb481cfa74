"""What is taken from the words of ps."""

import pytest

from sampan.engine.containers.top import check, parse
from sampan.errors import InvalidArgument

OUTPUT = """\
UID     PID  PPID CMD
root      1     0 init
root     12     1 sh -c  sleep 1
bob      13    12 sleep 1
"""


def test_only_the_processes_asked_for() -> None:
    assert parse(OUTPUT, frozenset((12, 13, 99))) == {
        "Titles": ["UID", "PID", "PPID", "CMD"],
        "Processes": [["root", "12", "1", "sh -c sleep 1"], ["bob", "13", "12", "sleep 1"]],
    }


def test_threads_go_with_their_process() -> None:
    """`top NAME m`"""
    text = "PID TTY COMMAND\n1 ? init\n- - -\n12 ? sh\n- - -\n- - -\n13 ? sleep\n- - -\n"
    assert parse(text, frozenset((12,)))["Processes"] == [["12", "?", "sh"], ["-", "-", "-"], ["-", "-", "-"]]


def test_blanks_of_other_alphabets_stay() -> None:
    text = "PID COMMAND\n7 a\u00a0b\u2003c\n"
    assert parse(text, frozenset((7,)))["Processes"] == [["7", "a\u00a0b\u2003c"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [("USER COMMAND\nroot x\n", "Couldn't find PID field"), ("PID X\nx y\n", "Unexpected pid 'x'")],
)
def test_what_is_no_list_of_processes(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        parse(text, frozenset((1,)))


def test_pid_is_the_name_of_one_column_only() -> None:
    check("-o pid=PID")
    check("-o comm=NAME")
    with pytest.raises(InvalidArgument, match='specifying "comm=PID,pid" is not allowed'):
        check("-o comm=PID,pid")
