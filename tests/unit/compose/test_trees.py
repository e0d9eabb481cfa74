"""Trees that are watched: what is heard of a change."""

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.compose.trees import Trees


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/skipped").mkdir()
    (tmp_path / "tree/file").write_text("x")
    (tmp_path / "beside").write_text("x")
    return tmp_path


@pytest.fixture
def trees(root: Path) -> Iterator[Trees]:
    made = Trees([f"{root}/tree", f"{root}/beside"], lambda path: path.endswith("/skipped"))
    yield made
    made.close()


def heard(trees: Trees, root: Path, wanted: str) -> set[str]:
    """Names below the root, until the wanted one has come."""
    found: set[str] = set()
    poll = select.poll()
    poll.register(trees.fileno(), select.POLLIN)
    while wanted not in found:
        assert poll.poll(10_000), found
        found |= {os.path.relpath(path, root) for path in trees.read()}
    return found


def test_files(trees: Trees, root: Path) -> None:
    (root / "tree/deep/new").write_text("1")
    assert heard(trees, root, "tree/deep/new") == {"tree/deep/new"}
    os.rename(root / "tree/file", root / "tree/deep/moved")
    assert heard(trees, root, "tree/deep/moved") == {"tree/file", "tree/deep/moved"}
    os.unlink(root / "tree/deep/moved")
    assert heard(trees, root, "tree/deep/moved") == {"tree/deep/moved"}
    (root / "tree/skipped/x").write_text("1")
    (root / "other").write_text("1")
    (root / "beside").write_text("2")
    assert heard(trees, root, "beside") == {"beside"}


def test_a_file_that_is_replaced(trees: Trees, root: Path) -> None:
    (root / "beside.new").write_text("2")
    os.rename(root / "beside.new", root / "beside")
    assert heard(trees, root, "beside") == {"beside"}


def test_directories_that_come_and_go(trees: Trees, root: Path) -> None:
    (root / "made/inner").mkdir(parents=True)
    (root / "made/inner/x").write_text("1")
    os.rename(root / "made", root / "tree/made")
    assert heard(trees, root, "tree/made/inner/x") == {"tree/made/inner/x"}
    (root / "tree/made/inner/y").write_text("1")
    assert heard(trees, root, "tree/made/inner/y") == {"tree/made/inner/y"}
    os.rename(root / "tree/made", root / "gone")
    assert "tree/made" in heard(trees, root, "tree/made")
    assert set(trees.everything()) == {f"{root}/beside", f"{root}/tree/file"}
