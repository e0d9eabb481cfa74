"""Names that filters match."""

import pytest

from sampan.engine import patterns


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("web", "my-web-1", True),
        ("^web$", "web", True),
        ("^web$", "web1", False),
        ("w.b", "web", True),
        ("we*b", "wb", True),
        ("we*b", "web", True),
        ("(web|db)", "db", True),
        ("[", "a[b", True),
        ("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", False),
        ("a*a*a*a*b", "a" * 200, False),
        ("x" * 300, "x" * 300, True),
    ],
)
def test_matching(pattern: str, name: str, matches: bool) -> None:
    assert patterns.matcher(pattern)(name) is matches
