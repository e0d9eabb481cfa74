"""Patterns as moby/patternmatcher and Go's filepath.Match understand them."""

import time

import pytest

from sampan.build.patterns import Matcher, has_wildcard, matches, read_ignore
from sampan.errors import InvalidArgument

CASES = [
    ("**", "file", True),
    ("**", "dir/file", True),
    ("**/", "file", True),
    ("**/**", "dir/file", True),
    ("dir/**", "dir/file", True),
    ("dir/**", "dir/dir2/file", True),
    ("**/dir", "dir", True),
    ("**/dir", "dir/file", True),
    ("**/dir2/*", "dir/dir2/file", True),
    ("**/dir2/**", "dir/dir2/dir2/file", True),
    ("**file", "file", True),
    ("**file", "dir/file", True),
    ("**/file", "dir/dir/file", True),
    ("**/file*", "dir/dir/file.txt", True),
    ("a**b", "a/x/b", True),
    ("**/**/*.txt", "a/b/c.txt", True),
    ("*.txt", "dir/a.txt", False),
    ("*.txt", "a.txt", True),
    ("dir", "dir/sub/file", True),
    ("dir/", "dir", True),
    ("/dir", "dir/file", True),
    ("./dir", "dir", True),
    ("dir/../other", "other", True),
    ("?.c", "a.c", True),
    ("?.c", "/.c", False),
    ("[a-c].c", "b.c", True),
    ("[^a-c].c", "b.c", False),
    ("[!a].c", "!.c", True),
    (r"\*.c", "*.c", True),
    (r"\*.c", "a.c", False),
    ("a.c", "abc", False),
    ("a(b", "a(b", True),
    ("*", ".hidden", True),
    ("abc/*/x", "abc/d/e/x", False),
    ("**/.git", "a/.git/x", True),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), CASES)
def test_match(pattern: str, path: str, expected: bool) -> None:
    assert Matcher([pattern]).excludes(path) is expected


def test_the_last_pattern_decides() -> None:
    matcher = Matcher(["*.md", "!README*.md", "README-secret.md"])
    assert [matcher.excludes(name) for name in ("a.md", "README.md", "README-secret.md")] == [
        True,
        False,
        True,
    ]


def test_what_is_taken_back_below_an_excluded_directory() -> None:
    matcher = Matcher(["dist", "!dist/keep/*.js"])
    assert matcher.excludes("dist") and matcher.may_keep_below("dist")
    assert not matcher.excludes("dist/keep/a.js") and matcher.excludes("dist/keep/a.css")
    assert not Matcher(["dist", "!other/x"]).may_keep_below("dist")


def test_the_file() -> None:
    text = "\ufeff# comment\n\n  /abs/path/ \n!  keep \n a//b/../c\n#x\n !\\#y\n"
    assert read_ignore(text) == ["abs/path", "!keep", "a/c", "!\\#y"]


@pytest.mark.parametrize("pattern", ["[", "[]a]", "[a-]", "a\\", "[^]", "!"])
def test_what_go_calls_bad(pattern: str) -> None:
    with pytest.raises(InvalidArgument):
        Matcher([pattern])


def test_no_pattern_goes_back_for_ever() -> None:
    began = time.perf_counter()
    assert not Matcher(["**/*a*a*a*a*a*a*a*a*b/**/**/*a*a*a*c"]).excludes("a" * 200 + "/" + "a" * 200)
    assert time.perf_counter() - began < 2


def test_wildcards_of_a_source() -> None:
    assert has_wildcard("a*") and not has_wildcard(r"a\*")
    assert matches("a?c*", ["abc", "abcd", "xbc"]) == ["abc", "abcd"]
