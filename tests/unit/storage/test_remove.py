"""Deleting trees while others are at it, and only trees."""

import os
from pathlib import Path

import pytest

from sampan.storage import remove


def test_a_tree_goes_and_what_its_links_mean_stays(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/file").touch()
    (tree / "link").symlink_to("../kept")
    (tree / "directory").symlink_to("..")
    remove.remove_tree(str(tree))
    assert os.listdir(tmp_path) == ["kept"]


def test_a_tree_deeper_than_paths_are_long(tmp_path: Path) -> None:
    """Nor are there as many descriptors, nor frames, as it has levels."""
    here = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("tree", dir_fd=here)
    for name in ("tree", *["d" * 200] * 3000):
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
        os.mkdir("d" * 200, dir_fd=here)
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    remove.remove_tree(str(tmp_path / "tree"))
    assert os.listdir(tmp_path) == []


def test_what_is_moved_away_meanwhile_is_no_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree/a/b").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kept").touch()
    inner, scandir = tmp_path / "tree/a/b", os.scandir

    def then_it_is_moved(descriptor: int) -> object:
        if inner.exists() and inner.stat().st_ino == os.fstat(descriptor).st_ino:
            inner.rename(tmp_path / "elsewhere/b")
        return scandir(descriptor)

    monkeypatch.setattr(os, "scandir", then_it_is_moved)
    with pytest.raises(OSError, match="Stale"):
        remove.remove_tree(str(tmp_path / "tree"))
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "kept", "tree"]


def test_missing_is_a_result(tmp_path: Path) -> None:
    remove.remove_tree(str(tmp_path / "missing"))


def test_what_somebody_else_removed_meanwhile_does_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("socket", "other"):
        (tree / name).touch()
    scandir = os.scandir

    def then_one_is_gone(descriptor: int) -> object:
        found = scandir(descriptor)
        (tree / "socket").unlink()
        return found

    listed = list(scandir(tree))
    assert len(listed) == 2
    monkeypatch.setattr(os, "scandir", lambda descriptor: _Frozen(listed, then_one_is_gone(descriptor)))
    remove.remove_tree(str(tree))
    assert not tree.exists()


class _Frozen:
    """A listing made before the file went."""

    def __init__(self, entries: list["os.DirEntry[str]"], real: object) -> None:
        self._entries = entries
        self._real = real

    def __enter__(self) -> list["os.DirEntry[str]"]:
        return self._entries

    def __exit__(self, *_: object) -> None:
        self._real.close()  # type: ignore[attr-defined]
