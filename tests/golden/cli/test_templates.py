"""Templates against what Go's text/template says of them.

`templates.json` was recorded from Docker's client 28.2.2, which evaluates `docker version --format` itself.
To record it anew, set SAMPAN_RECORD_DOCKER to the client, `docker -H unix:///run/docker.sock`, and run
this file.
"""

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sampan.cli.template.errors import TemplateError
from sampan.cli.template.evaluate import Template
from sampan.cli.template.values import Struct, typed

HERE = Path(__file__).parent
RECORD = HERE / "templates.json"
_TYPES = {
    "Client": "system.clientVersion",
    "Server": "*types.Version",
    "Platform": "struct { Name string }",
    "Components": "types.ComponentVersion",
}


def _templates() -> list[str]:
    lines = (HERE / "templates.txt").read_text().split("\n")
    return [line for line in lines if line and not line.startswith("#")]


def _record(command: list[str]) -> None:
    facts = subprocess.run([*command, "version", "--format", "{{json .}}"], capture_output=True, check=True)
    cases = {}
    for template in _templates():
        done = subprocess.run([*command, "version", "--format", template], capture_output=True, text=True)
        error = done.stderr.removesuffix("\n").removeprefix("template parsing error: ")
        cases[template] = {
            "output": done.stdout.removesuffix("\n"),
            "error": error,
            "status": done.returncode,
        }
    record = {"facts": json.loads(facts.stdout), "cases": cases}
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _named(value: Any, name: str = "") -> Any:
    """Give the structs of `docker version` the names that Docker's types have."""
    if isinstance(value, Struct):
        fields = {key: _named(item, key) for key, item in value.items()}
        return Struct(fields, _TYPES.get(name, "system.versionInfo" if not name else ""))
    if isinstance(value, list):
        return [_named(item, name) for item in value]
    return value


if "SAMPAN_RECORD_DOCKER" in os.environ:
    _record(shlex.split(os.environ["SAMPAN_RECORD_DOCKER"]))
_RECORDED = json.loads(RECORD.read_text())


@pytest.fixture(scope="module")
def facts() -> Struct:
    named = _named(typed(_RECORDED["facts"]))
    assert isinstance(named, Struct)
    return named


def _evaluated(template: str, facts: Struct) -> dict[str, Any]:
    try:
        parsed = Template(template, "version")
    except TemplateError as error:
        return {"output": "", "error": str(error), "status": 64}
    try:
        return {"output": parsed.execute(facts), "error": "", "status": 0}
    except TemplateError as error:
        return {"output": error.partial, "error": str(error), "status": 1}  # type: ignore[attr-defined]


@pytest.mark.parametrize("template", sorted(_RECORDED["cases"]))
def test_says_what_go_says(template: str, facts: Struct) -> None:
    assert _evaluated(template, facts) == _RECORDED["cases"][template]


def test_the_corpus_is_whole() -> None:
    assert set(_templates()) == set(_RECORDED["cases"])
    assert len(_RECORDED["cases"]) > 150
