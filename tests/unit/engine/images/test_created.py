import pytest

from sampan.engine.images.created import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:10Z", 10),
        ("1970-01-01T00:00:10.123456789Z", 10.123456),
        ("1970-01-01T01:00:10+01:00", 10),
        ("1970-01-01T01:00:10.5+01:00", 10.5),
        ("0001-01-01T00:00:00Z", 0),
        ("yesterday", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_seconds(text: str | None, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)
