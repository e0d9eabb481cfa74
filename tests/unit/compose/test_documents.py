"""YAML 1.2, and where everything stands."""

from typing import Any

import pytest

from sampan.compose import documents, emit
from sampan.compose.tree import Mapping, data
from sampan.errors import InvalidArgument


def read(text: str) -> Any:
    (found,) = documents.parse(text, "f")
    return data(found)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("22:22", "22:22"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("", None),
        ("0644", 0o644),
        ("0o644", 0o644),
        ("0x1f", 31),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2026-11-24", "2026-11-24"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("08", 8.0),  # no octal, but a float, as Go's yaml.v3 has it
    ],
)
def test_what_a_word_means(word: str, value: Any) -> None:
    assert read(f"a: {word}") == {"a": value}


def test_places_and_merges() -> None:
    (found,) = documents.parse("x: &x\n  a: 1\n  b: 2\ny:\n  <<: *x\n  b: 3\n", "f")
    assert data(found) == {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}
    inner = found.items["y"]
    assert isinstance(inner, Mapping)
    assert (inner.where("a").line, inner.where("b").line) == (2, 6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2\n", 'f:2: mapping key "a" already defined at line 1'),
        ("- a\n", "f:1: top-level object must be a mapping"),
        ("a: !other x\n", "f:1: unknown tag !other"),
        ("a: *none\n", "f:1: yaml: found undefined alias"),
        ("a:\n\t- b\n", "f:2: yaml: "),
    ],
)
def test_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        documents.parse(text, "f")
    assert str(error.value).startswith(words)


def test_aliases_cannot_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(InvalidArgument, match="excessive aliasing"):
        documents.parse("\n".join(lines), "f")


@pytest.mark.parametrize(
    "word",
    [
        "",
        "no",
        "1",
        "22:22",
        "a: b",
        "# x",
        "- x",
        "x #y",
        "a\nb\n",
        "a\n\n",
        " a",
        "é",
        "'",
        '"',
        "0x1",
        "~",
        "{",
        "a\tb",
    ],
)
def test_what_is_printed_is_read_back(word: str) -> None:
    assert read(emit.yaml({"k": word, "l": [word, {"m": word}]})) == {"k": word, "l": [word, {"m": word}]}
