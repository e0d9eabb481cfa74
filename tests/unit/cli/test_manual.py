"""The manual pages: one for each command, in a language that man(1) reads."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sampan.cli import commands, dispatch, manual


def test_every_command_has_one() -> None:
    found = manual.pages()
    names = [name for name, path in commands.VERBS.items() if not hasattr(dispatch.load(path), "HIDDEN")]
    assert {f"sampan-{name}.1" for name in (*names, *commands.GROUPS)} <= set(found)
    assert found["sampan-run.1"] == ".so man1/sampan-container-run.1\n"
    assert "sampan-system-dial-stdio.1" not in found


def test_every_flag_that_is_shown_is_told() -> None:
    page = manual.pages()["sampan-container-run.1"]
    for name, _, _, _, text in dispatch.load("container.run").FLAGS:
        escaped = "\\-\\-" + name.replace("-", "\\-")
        told = re.search(rf"^\\fB.*{re.escape(escaped)}[ \\]", page, re.MULTILINE) is not None
        assert told == bool(text), name


def test_no_text_is_taken_for_a_request() -> None:
    for name, text in manual.pages().items():
        requests = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
        assert requests <= {".TH", ".SH", ".TP", ".br", ".so"}, name
    assert manual._escaped(".x \\ -y") == "\\&.x \\e \\-y"


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="there is no mandoc here")
def test_mandoc_has_nothing_to_say(tmp_path: Path) -> None:
    place = tmp_path / "man1"
    place.mkdir()
    for name, text in manual.pages().items():
        (place / name).write_text(text)
    said = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "error", *sorted(path.name for path in place.iterdir())],
        capture_output=True,
        text=True,
        cwd=place,
        check=False,
    )
    ours = [line for line in said.stdout.splitlines() if ".so request failed" not in line]
    assert ours == []
