"""Our table of keys against the published schema of the compose specification."""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.compose import schema
from sampan.compose.kinds import At, Choice, List, Map, Null, Object, Short
from sampan.compose.tree import Mark, Scalar
from sampan.errors import InvalidArgument

SPECIFICATION = Path(__file__).resolve().parents[4] / "shared/data/compose-spec.json"
# What the table has and this version of the schema does not.
NEWER = {".services.*.pre_start: not theirs"}


def long_form(node: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """References followed; of several forms the long one."""
    while "$ref" in node:
        node = whole["definitions"][node["$ref"].rpartition("/")[2]]
    forms = [long_form(form, whole) for form in node.get("oneOf", ())]
    for wanted in ("properties", "items", "patternProperties", "enum"):
        for form in forms:
            if wanted in form:
                return form
    return node


def compare(kind: Any, node: dict[str, Any], whole: dict[str, Any], path: str) -> list[str]:
    """What the two do not agree on."""
    node = long_form(node, whole)
    while isinstance(kind, Short | Null):
        kind = kind.kind if isinstance(kind, Short) else kind._kind
    if isinstance(kind, Object):
        theirs = node.get("properties", {})
        found = [f"{path}.{key}: not ours" for key in theirs if key not in kind.keys]
        found += [f"{path}.{key}: not theirs" for key in kind.keys if key not in theirs]
        for key in set(theirs) & set(kind.keys):
            found += compare(kind.keys[key], theirs[key], whole, f"{path}.{key}")
        return found
    if isinstance(kind, List) and isinstance(node.get("items"), dict):
        return compare(kind._item, node["items"], whole, f"{path}[]")
    if isinstance(kind, Map) and node.get("patternProperties"):
        (inner, *_) = (value for key, value in node["patternProperties"].items() if key != "^x-")
        return compare(kind._item, inner, whole, f"{path}.*")
    if isinstance(kind, Choice) and set(node.get("enum", ())) != set(kind._words):
        return [f"{path}: {node.get('enum')}"]
    return []


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the published schema is not here")
def test_every_key() -> None:
    whole = json.loads(SPECIFICATION.read_text())
    found = compare(schema.PROJECT, whole, whole, "")
    assert {line for line in found if line not in NEWER} == set()
    assert len(schema.SERVICE.keys) >= 92


def test_a_key_that_is_missing_is_found() -> None:
    whole: dict[str, Any] = {"properties": {"a": {}, "b": {}}}
    assert compare(Object({"a": schema.SERVICE.keys["image"]}), whole, whole, "") == [".b: not ours"]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (schema.SERVICE.keys["restart"], "sometimes", 'should look like "no"'),
        (schema.SERVICE.keys["tty"], "maybe", "write true or false"),
        (schema.SERVICE.keys["mem_limit"], "12 apples", "write 512m or 2gb"),
        (schema.SERVICE.keys["stop_grace_period"], "soon", "write 10s"),
        (schema.SERVICE.keys["oom_score_adj"], 2000, "less than or equal to 1000"),
        (schema.SERVICE.keys["cgroup"], "hots", "did you mean 'host'?"),
        (schema.SERVICE.keys["environment"], "A=1", "must be a mapping"),
    ],
)
def test_an_error_says_what_would_be_right(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        kind.read(Scalar(value, Mark("compose.yaml", 7)), At(("services", "web", "key")))
    assert str(error.value).startswith("compose.yaml:7: services.web.key: ")
    assert words in str(error.value)
