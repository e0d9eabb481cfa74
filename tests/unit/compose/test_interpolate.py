"""Variables in values."""

import pytest

from sampan.compose import interpolate
from sampan.compose.tree import Mapping, Mark, Scalar

VARIABLES = {"A": "a", "EMPTY": "", "B": "b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A-${B}", "a-b"),
        ("$$A $${A} $$", "$A ${A} $"),
        ("${EMPTY:-x}${EMPTY-x}${NONE-y}", "xy"),
        ("${A:+set}${EMPTY:+no}${EMPTY+yes}${NONE+no}", "setyes"),
        ("${NONE:-${NONE:-${A}}}", "a"),
        ("${A:-${NONE:?never asked}}", "a"),
        ("${NONE:-}}", "}"),
        ("${A:?}", "a"),
        ("$A_B", ""),
    ],
)
def test_every_operator(text: str, expected: str) -> None:
    assert interpolate.text(text, VARIABLES, lambda name: None) == expected


@pytest.mark.parametrize("text", ["$", "$ ", "${", "${}", "${A", "${A B}", "${1}", "$1", "${A:}", "${A:-"])
def test_what_is_no_interpolation(text: str) -> None:
    with pytest.raises(interpolate.Invalid):
        interpolate.text(text, VARIABLES, lambda name: None)


def test_what_must_be_set() -> None:
    with pytest.raises(interpolate.Missing, match="required variable NONE is missing a value: say it"):
        interpolate.text("${NONE:?say it}", VARIABLES, lambda name: None)


def test_only_what_counts_is_told_of_as_unset() -> None:
    told: list[str] = []
    interpolate.text("${A:-$NO1}${NO2:-x}$NO3${NO4:+$NO5}", VARIABLES, told.append)
    assert told == ["NO3"]


def test_the_names_that_are_mentioned() -> None:
    mark = Mark("x", 1)
    node = Mapping({"k": Scalar("$A ${B:-x} ${C:?m} $$D", mark)}, mark)
    assert interpolate.names(node) == {"A": ("", ""), "B": (":-", "x"), "C": (":?", "m")}
