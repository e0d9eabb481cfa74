"""Go's flag grammar, as engines write it."""

import pytest

from sampan.errors import InvalidArgument
from sampan.runtimecli.flags import count, parse, several, switch, value

KNOWN = [value("bundle b"), switch("detach d"), several("env e")]


def test_every_spelling() -> None:
    given, rest = parse(["--bundle", "x", "-d", "-env=A=b", "--e", "C", "id", "--detach"], KNOWN)
    assert given == {"bundle": "x", "detach": True, "env": ["A=b", "C"]}
    assert rest == ["id", "--detach"]  # what follows an operand is one


def test_nothing_given() -> None:
    assert parse(["id"], KNOWN) == ({"bundle": None, "detach": False, "env": []}, ["id"])


def test_two_dashes_end_the_flags() -> None:
    assert parse(["-d", "--", "-x"], KNOWN)[1] == ["-x"]
    assert parse(["-"], KNOWN)[1] == ["-"]


@pytest.mark.parametrize(("text", "wanted"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_switches_with_a_value(text: str, wanted: bool) -> None:
    assert parse([f"--detach={text}"], KNOWN)[0]["detach"] is wanted


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-such"], "flag provided but not defined: -no-such"),
        (["--bundle"], "flag needs an argument: -bundle"),
        (["--detach=maybe"], 'invalid boolean value "maybe" for -detach: parse error'),
    ],
)
def test_refused(words: list[str], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(words, KNOWN)
    assert str(caught.value) == message


def test_numbers() -> None:
    assert count(None, "x", 3) == 3
    assert count("7", "x") == 7
    with pytest.raises(InvalidArgument, match='invalid value "y" for flag -x'):
        count("y", "x")
