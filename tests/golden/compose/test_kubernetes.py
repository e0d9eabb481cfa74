"""Projects as Kubernetes manifests, held against the published schemas.

A case is a file as in test_projects.py; `== manifests`, `== warnings` and `== error` are what is expected.
`SAMPAN_RECORD_COMPOSE=1` writes it anew.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sampan.compose import emit, load, model, select
from sampan.compose.discover import Wanted
from sampan.compose.kubernetes.convert import convert
from sampan.errors import SampanError

CASES = sorted((Path(__file__).parent / "kubernetes").glob("*.case"))
EXPECTED = ("manifests", "warnings", "error")
RECORD = "SAMPAN_RECORD_COMPOSE" in os.environ


def read(file: Path) -> dict[str, str]:
    parts = re.split(r"^== (.+)\n", file.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def converted(sections: dict[str, str], root: Path) -> dict[str, str]:
    for name, text in sections.items():
        if name not in (*EXPECTED, "environment"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    variables = dict(line.split("=", 1) for line in sections.get("environment", "").splitlines())
    try:
        loaded = load.load(Wanted(str(root), variables, [], "", "", [], []), lambda text: None)
        tree = select.narrowed(loaded.tree, select.chosen(loaded.tree, ()))
        project = model.project(tree)
        project.variables = variables
        found = convert(project, emit.plain(tree))
    except SampanError as error:
        return {"error": f"{error}\n".replace(str(root), "ROOT")}
    result = {"manifests": "---\n".join(map(emit.yaml, found.manifests))}
    if found.warnings:
        result["warnings"] = "".join(f"{line}\n" for line in found.warnings)
    return {name: text.replace(str(root), "ROOT") for name, text in result.items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The name of the project."""
    (tmp_path / "p").mkdir()
    return tmp_path / "p"


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sections = read(file)
    found = converted(sections, root)
    if RECORD:
        given = {name: text for name, text in sections.items() if name not in EXPECTED}
        file.write_text("".join(f"== {name}\n{text}" for name, text in {**given, **found}.items()))
        return
    assert found == {name: text for name, text in sections.items() if name in EXPECTED}


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_the_published_schemas_know_it(file: Path) -> None:
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="the published schemas are not here: PyPI kubernetes-validate"
    )
    manifests: list[Any] = list(YAML(typ="safe").load_all(read(file).get("manifests", "")))
    for manifest in filter(None, manifests):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
