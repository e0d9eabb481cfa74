"""Every help text, as it is printed. `SAMPAN_RECORD_HELP=1 pytest tests/golden/cli/test_help.py` writes
them anew.
"""

import os
from pathlib import Path

import pytest

from sampan.cli import commands, console, usage

HERE = Path(__file__).parent / "help"
TOPICS = [
    [],
    *([name] for name in commands.VERBS),
    *([name] for name in commands.GROUPS),
    *([group, name] for group, names in commands.GROUPS.items() for name in names),
]


@pytest.mark.parametrize("topic", TOPICS, ids=" ".join)
def test_help(topic: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(console, "out", lines.append)
    assert usage.show(topic) == 0
    file = HERE / f"{'-'.join(topic) or 'sampan'}.txt"
    if "SAMPAN_RECORD_HELP" in os.environ:
        HERE.mkdir(exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
    assert "\n".join(lines) + "\n" == file.read_text()
    assert all(len(line) <= 80 for line in "\n".join(lines).split("\n") if line.startswith("      "))
