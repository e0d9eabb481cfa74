"""Tables, sizes, durations."""

import pytest

from sampan.cli import format


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (730 * 86400, "2 years"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert format.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "digits", "text"),
    [(0, 3, "0B"), (999, 3, "999B"), (1000, 3, "1kB"), (1982333, 3, "1.98MB"), (1982333, 4, "1.982MB")],
)
def test_size(count: int, digits: int, text: str) -> None:
    assert format.size(count, digits) == text


def test_binary_size() -> None:
    assert format.binary_size(25276063744) == "23.54GiB"
    assert format.binary_size(512) == "512B"


def test_a_column_is_ten_wide_or_three_more_than_its_widest_cell() -> None:
    lines = [["A", "B", "C"], ["a", "12345678", ""], ["1234567890", "b", "c"]]
    assert format.table(lines) == (
        "A            B          C\na            12345678   \n1234567890   b          c\n"
    )
    assert format.table([["A", "B"]]) == "A         B\n"


def test_columns_end_where_a_line_has_no_cell() -> None:
    assert format.table([["long cell here", "x"], ["plain"], ["a", "y"]]) == (
        "long cell here   x\nplain\na         y\n"
    )


def test_nothing_in_a_cell_moves_the_cursor() -> None:
    assert format.plain("a\x1b[31mb\x9b1m\tc\nd\x7fé…") == "a?[31mb?1m c d?é…"


def test_quoted() -> None:
    assert format.quoted("sleep 1") == '"sleep 1"'
    assert format.quoted('say "hi"\n\x1b') == '"say \\"hi\\"\\n\\x1b"'


def test_natural_order() -> None:
    names = ["web10", "web2", "web02", "a", "10", "9c", "09a"]
    assert sorted(names, key=format.natural) == ["9c", "09a", "10", "a", "web2", "web02", "web10"]


def test_short_things() -> None:
    assert format.short_id("sha256:0123456789abcdef") == "0123456789ab"
    assert format.short_id("0123456789abcdef") == "0123456789ab"
    assert format.ellipsis("abcdef", 6) == "abcdef"
    assert format.ellipsis("abcdefg", 6) == "abcde…"
