"""Small projects: files in; the normal form, or the error, out.

A case is one file: sections that begin with `== NAME`. `== run` holds the flags, `== environment` variables;
every other name is a file of the project, but for what is expected: `== config`, `== error`, `== warnings`.
`SAMPAN_RECORD_COMPOSE=1 pytest tests/golden/compose` writes what is expected anew: read the difference.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sampan.compose import emit, load, select
from sampan.compose.discover import Wanted
from sampan.errors import SampanError

CASES = sorted((Path(__file__).parent / "cases").glob("*.case"))
EXPECTED = ("config", "error", "warnings")
RECORD = "SAMPAN_RECORD_COMPOSE" in os.environ


@dataclass
class Case:
    sections: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    def wanted(self, root: Path) -> Wanted:
        words = self.sections.get("run", "").split()
        flags: dict[str, list[str]] = {}
        while words:
            flags.setdefault(words.pop(0), []).append(words.pop(0))
        lines = self.sections.get("environment", "").splitlines()
        variables = {"HOME": "/home/me", **dict(line.split("=", 1) for line in lines)}
        return Wanted(
            str(root / flags.get("--cd", [""])[0]),
            variables,
            flags.get("-f", []),
            flags.get("-p", [""])[0],
            flags.get("--project-directory", [""])[0],
            flags.get("--env-file", []),
            flags.get("--profile", []),
        )


def read(file: Path) -> Case:
    parts = re.split(r"^== (.+)\n", file.read_text(), flags=re.MULTILINE)
    return Case(dict(zip(parts[1::2], parts[2::2], strict=True)))


def results(case: Case, root: Path) -> dict[str, str]:
    for name, text in case.sections.items():
        if name not in (*EXPECTED, "run", "environment"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    found: dict[str, str] = {}
    try:
        loaded = load.load(case.wanted(root), case.warnings.append)
        chosen = select.chosen(loaded.tree, loaded.found.profiles)
        tree = select.narrowed(loaded.tree, chosen)
        found["config"] = emit.yaml(emit.escaped(emit.without_defaults(emit.plain(tree))))
    except SampanError as error:
        found["error"] = f"{error}\n"
    if case.warnings:
        found["warnings"] = "".join(f"{line}\n" for line in case.warnings)
    return {name: text.replace(str(root), "ROOT") for name, text in found.items()}


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_project(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "proj"
    root.mkdir()
    case = read(file)
    found = results(case, root)
    if RECORD:
        given = {name: text for name, text in case.sections.items() if name not in EXPECTED}
        file.write_text("".join(f"== {name}\n{text}" for name, text in {**given, **found}.items()))
        return
    assert found == {name: text for name, text in case.sections.items() if name in EXPECTED}
