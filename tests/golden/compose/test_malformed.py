"""Files that are wrong: each is refused with its place, the key's path and what would be right.

`malformed.txt` has them: `== NAME`, the file, and behind `>> ` what is said. Beside it lie `base.yaml`, a
project with one service, and `broken.env`. `SAMPAN_RECORD_COMPOSE=1` writes what is said.
"""

import os
import re
from pathlib import Path

import pytest

from sampan.compose import load, model, select
from sampan.compose.discover import Wanted
from sampan.errors import InvalidArgument, SampanError

FILE = Path(__file__).parent / "malformed.txt"
RECORD = "SAMPAN_RECORD_COMPOSE" in os.environ
BASE = "services:\n  web:\n    image: nginx\n"


def cases() -> dict[str, tuple[str, str]]:
    """name → (the file, what is said)."""
    parts = re.split(r"^== (.+)\n", FILE.read_text(), flags=re.MULTILINE)
    found = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        text, _, said = body.rpartition(">> ")
        found[name] = (text, said.rstrip("\n"))
    return found


CASES = cases()


def said_of(text: str, root: Path) -> str:
    root.mkdir()
    (root / "compose.yaml").write_text(text)
    (root / "base.yaml").write_text(BASE)
    (root / "broken.env").write_text("A=1\n=x\n")
    try:
        loaded = load.load(Wanted(str(root), {}, [], "", "", [], []), lambda line: None)
        model.project(select.narrowed(loaded.tree, select.chosen(loaded.tree, ())))
    except SampanError as error:
        return str(error).replace(str(root), "ROOT")
    return "accepted"


@pytest.mark.parametrize("name", CASES)
def test_malformed(name: str, tmp_path: Path) -> None:
    text, expected = CASES[name]
    said = said_of(text, tmp_path / "p")
    if RECORD:
        CASES[name] = (text, said)
        FILE.write_text("".join(f"== {key}\n{body}>> {words}\n" for key, (body, words) in CASES.items()))
        return
    assert said == expected
    assert re.match(r"ROOT/(compose\.yaml|broken\.env):\d+: ", said)


def test_there_are_many() -> None:
    assert len(CASES) >= 90


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty compose file"),
        ("\0\1\2", "unacceptable character"),
        ("{a: " * 2000 + "1" + "}" * 2000, "nested more than 200 deep"),
        (
            "a: &a [x]\n"
            + "".join(f"{k}: &{k} [{f'*{j},' * 9}]\n" for j, k in zip("abcdefgh", "bcdefghi", strict=True)),
            "excessive aliasing",
        ),
        ("x-a: " + "9" * 5000 + "\nservices: {web: {image: a, cpus: 1e999}}", "services.web.cpus"),
    ],
    ids=["empty", "binary", "deep", "bomb", "large"],
)
def test_hostile(text: str, words: str, tmp_path: Path) -> None:
    said = said_of(text, tmp_path / "p")
    assert words in said
    assert "\n" not in said


def test_a_place_is_an_argument_error(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(BASE + "    unknown: 1\n")
    with pytest.raises(InvalidArgument, match=r"compose\.yaml:4: services\.web: additional properties"):
        load.load(Wanted(str(tmp_path), {}, [], "p", "", [], []), lambda line: None)
