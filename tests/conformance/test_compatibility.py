"""docs/compatibility.md says what the code has; every gap of run and create has its reason there."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

PLACE = Path(__file__).parents[2] / "docs" / "compatibility" / "generate.py"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_compatibility", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_it_is_not_stale(generate: ModuleType) -> None:
    told = "run `python docs/compatibility/generate.py`"
    assert generate.TARGET.read_text() == generate.document(), told


@pytest.mark.parametrize("name", ["run", "create"])
def test_what_is_missing_has_a_reason(generate: ModuleType, name: str) -> None:
    commands, *_ = generate.load()
    command = next(command for command in commands if command.name == name)
    unexplained = [flag for flag, reason in command.missing.items() if reason == generate.NOT_YET]
    assert unexplained == []


def test_the_letters_and_kinds_are_dockers(generate: ModuleType) -> None:
    """-v that is something else here, or a flag that eats the next word only there, would break scripts."""
    commands, *_ = generate.load()
    differs = re.compile(r"(there, .* here|no letter here)$")
    wrong = [
        f"{command.name} --{flag}: {how}"
        for command in commands
        for flag, how in command.other.items()
        if differs.search(how)
    ]
    assert wrong == []


def test_every_reason_is_used(generate: ModuleType) -> None:
    """A reason for what is there by now would be a lie that nobody sees."""
    import tomllib

    commands, *_ = generate.load()
    reasons = tomllib.loads((PLACE.parent / "reasons.toml").read_text())
    missing = {flag for command in commands for flag in command.missing}
    assert {key.rpartition("--")[2] for key in reasons["flags"]} <= missing
    absent = [command.name for command in commands if not command.here]
    unused = [
        key for key in reasons["commands"] if not any(f"{name} ".startswith(f"{key} ") for name in absent)
    ]
    assert unused == []
