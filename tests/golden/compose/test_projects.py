"""Small projects: files in; the normal form and the plan, or the error, out.

A case is one file: sections that begin with `== NAME`. `== run` holds the flags, `== environment` variables,
`== up` and `== down` the flags of those; `== observed` what there is (`image REF ID [SECONDS HERE]`,
`network NAME`, `volume NAME`, `container NAME SERVICE NUMBER STATE same|other [ID of its image]`). What is
expected: `== config`, `== plan`, `== bodies` (of the requests, where `== show` asks for them), `== teardown`,
`== error`, `== warnings`, `== notices`. Every other name is a file of the project.
`SAMPAN_RECORD_COMPOSE=1 pytest tests/golden/compose` writes what is expected anew: read the difference.
"""

import json
import os
import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from sampan.compose import apply, container, emit, labels, load, model, plan, select, steps, teardown
from sampan.compose.discover import Wanted
from sampan.compose.observe import Container, Observed
from sampan.errors import SampanError

CASES = sorted((Path(__file__).parent / "cases").glob("*.case"))
NOW = 1_000_000_000.0
EXPECTED = ("config", "plan", "bodies", "teardown", "error", "warnings", "notices")
GIVEN = ("run", "environment", "observed", "up", "down", "show")
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
        if name not in (*EXPECTED, *GIVEN):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    found: dict[str, str] = {}
    try:
        loaded = load.load(case.wanted(root), case.warnings.append)
        chosen = select.chosen(loaded.tree, loaded.found.profiles)
        tree = select.narrowed(loaded.tree, chosen)
        found["config"] = emit.yaml(emit.escaped(emit.without_defaults(emit.plain(tree))))
        project = model.project(tree)
        if notices := [*project.idle, *project.refused]:
            found["notices"] = "".join(f"{line}\n" for line in notices)
        project.known = list(select.services(loaded.tree))
        observed = observed_in(case.sections.get("observed", ""), project)
        if "down" in case.sections:
            found["teardown"] = torn_down(case.sections["down"].split(), project, observed)
        else:
            found["plan"] = planned(case.sections.get("up", "").split(), project, observed)
        if "show" in case.sections:
            found["bodies"] = bodies(project)
    except SampanError as error:
        found["error"] = f"{error}\n"
    if case.warnings:
        found["warnings"] = "".join(f"{line}\n" for line in case.warnings)
    return {name: text.replace(str(root), "ROOT") for name, text in found.items()}


def observed_in(text: str, project: model.Project) -> Observed:
    own = {labels.PROJECT: project.name}
    found = Observed()
    containers = []
    for line in text.splitlines():
        kind, name, *rest = line.split()
        if kind == "image":
            found.images[name] = rest[0]
            found.tagged[name] = NOW - float(rest[1] if len(rest) > 1 else 0)
        elif kind == "network":
            found.networks[name] = {} if rest else own
        elif kind == "volume":
            found.volumes[name] = {} if rest else own
        else:
            service, number, state, digest, *image = rest
            known = project.services.get(service)
            containers.append(
                Container(
                    id=f"id-of-{name}",
                    name=name,
                    service=service,
                    number=int(number),
                    state=state,
                    hash=known.hash if known and digest == "same" else digest,
                    image=image[0] if image else "",
                    oneoff=digest == "oneoff",
                    depends_on=tuple(known.depends_on) if known else (),
                )
            )
    return Observed(tuple(containers), found.networks, found.volumes, found.images, found.tagged)


def planned(flags: list[str], project: model.Project, observed: Observed) -> str:
    scale = [word for flag, word in pairwise(flags) if flag == "--scale"]
    options = plan.Options(
        force="--force-recreate" in flags,
        keep="--no-recreate" in flags,
        force_dependencies="--always-recreate-deps" in flags,
        build="--build" in flags,
        no_build="--no-build" in flags,
        pull=flags[flags.index("--pull") + 1] if "--pull" in flags else "",
        orphans="--remove-orphans" in flags,
        start="--no-start" not in flags,
        scale=plan.scale_of(scale, project),
        now=NOW,
    )
    first = plan.images(project, observed, options)
    return steps.text([*first, *plan.containers(project, observed, options)])


def bodies(project: model.Project) -> str:
    """What makes the first container of each service, and the networks."""
    names = {name: [f"{project.name}-{name}-1"] for name in project.services}
    found: dict[str, object] = {}
    for name, service in project.services.items():
        made = container.creation(project, service, names[name][0], {}, names, aliases=(name,))
        found[name] = {"body": made.body, "further": made.further}
    networks = {
        key: apply.network_body(project, key, network) | {"Labels": {}}
        for key, network in project.networks.items()
        if not network.external
    }
    return json.dumps({"containers": found, "networks": networks}, indent=1) + "\n"


def torn_down(flags: list[str], project: model.Project, observed: Observed) -> str:
    named = frozenset(word for word in flags if not word.startswith("-") and word not in ("all", "local"))
    options = teardown.Options(
        "--remove-orphans" in flags,
        "-v" in flags,
        flags[flags.index("--rmi") + 1] if "--rmi" in flags else "",
        named,
    )
    groups = teardown.down(project.name, project, observed, options)
    return "--\n".join(steps.text(group) for group in groups)


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
