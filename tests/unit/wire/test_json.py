"""JSON without the json package, held against the json package."""

import json as standard
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.wire import json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(VALUES)
def test_is_what_the_standard_package_writes_and_reads(value: Any) -> None:
    text = json.dumps(value)
    assert text == standard.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert json.loads(text) == value
    assert json.loads(json.dumpb(value)) == value
    assert json.loads(standard.dumps(value, indent=2)) == value


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert json.dumpb("a\udce9b") == b'"a\xef\xbf\xbdb"'
    assert json.dumps("\ud83d\ude00") == '"😀"'


def test_escapes() -> None:
    assert json.loads(b'"\\ud83d\\ude00\\n\\u00e9"') == "😀\né"
    assert json.dumps('"\\\n\x01') == '"\\"\\\\\\n\\u0001"'


def test_big_numbers_are_exact() -> None:
    assert json.loads(b"123456789012345678901234567890") == 123456789012345678901234567890
    assert json.dumps(2**80) == str(2**80)


@pytest.mark.parametrize(
    "text", ["", " ", "NaN", "Infinity", "-Infinity", "{", "[1,]", "[1] 2", "{1:2}", "'a'", '"a', "nul"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        json.loads(text)


def test_the_same_without_json_decoder_imported() -> None:
    """The C scanner takes its exception from json.decoder if that is there, and fails oddly if not."""
    code = """
import sys; sys.modules["sampan"] = p = type(sys)("sampan"); p.__path__ = [sys.argv[1]]
from sampan.wire import json
for text in ("{", "[1,]", '"a', "nul", "{1:2}"):
    try: json.loads(text)
    except ValueError: continue
    raise SystemExit(text)
assert "json.decoder" not in sys.modules or sys.version_info >= (3, 12)
"""
    root = json.__file__.rpartition("/wire/")[0]
    subprocess.run([sys.executable, "-I", "-S", "-c", code, root], check=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_have_are_refused(value: float) -> None:
    with pytest.raises(ValueError):
        json.dumps(value)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError):
        json.dumps({"a": {1, 2}})
