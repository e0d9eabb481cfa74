"""Paths inside a root, with links that would lead out of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.storage.inside import Mounted, Root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "file").write_text("inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    for name, target in (
        ("absolute", "/a"), ("up", "../../../../a"), ("escape", str(tmp_path / "outside")),
        ("dangling", "/nowhere/x"), ("loop", "loop"), ("chain", "absolute/b/../file"), ("to-mount", "/m/in"),
    ):  # fmt: skip
        (root / name).symlink_to(target)
    return root


@pytest.fixture
def root(tree: Path) -> Iterator[Root]:
    fd = os.open(tree, os.O_PATH)
    mount = os.open(tree.parent / "outside", os.O_PATH)
    yield Root(fd, {b"/m": Mounted(mount, writable=False)})
    os.close(fd)
    os.close(mount)


def path_of(root: Root, path: str, *, follow: bool = True) -> str:
    found = root.find(path.encode(), follow=follow)
    found.close()
    return found.path.decode() + ("" if found.fd >= 0 else " (missing)")


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/", "/"), ("", "/"), ("/../..", "/"), ("a/../a/./b", "/a/b"), ("/absolute/file", "/a/file"),
        ("/up/file", "/a/file"), ("/chain", "/a/file"), ("/a/new", "/a/new (missing)"),
        ("/absolute", "/a"), ("/a/new/", "/a/new (missing)"), ("/up/b/..", "/a"),
    ],
)  # fmt: skip
def test_where_paths_lead(root: Root, asked: str, led: str) -> None:
    assert path_of(root, asked) == led


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("/escape/file", FileNotFoundError), ("/escape/", FileNotFoundError),
        ("/dangling", FileNotFoundError),
        ("/loop", OSError), ("/a/file/", NotADirectoryError), ("/a/file/x", NotADirectoryError),
        ("/no/such", FileNotFoundError), ("/a\0b", FileNotFoundError),
    ],
)  # fmt: skip
def test_what_leads_nowhere(root: Root, asked: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        root.find(asked.encode(), follow=True)


def test_the_last_link_is_followed_on_demand_only(root: Root) -> None:
    assert path_of(root, "/absolute", follow=False) == "/absolute"
    assert path_of(root, "/absolute/", follow=False) == "/a"
    assert path_of(root, "/absolute/.", follow=False) == "/a"


def test_mounts_are_entered_and_left(root: Root, tree: Path) -> None:
    (tree / "m").mkdir()
    (tree.parent / "outside" / "in").symlink_to("/a/file")
    (tree.parent / "outside" / "sub").mkdir()
    found = root.find(b"/m/file", follow=True)
    assert not found.writable
    found.close()
    assert path_of(root, "/m/sub/../../a") == "/a"
    assert path_of(root, "/to-mount") == "/a/file"


def test_nothing_stays_open(root: Root) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    for path in ("/chain", "/loop", "/no/such/x", "/a/file/x", "/m/x", "/dangling"):
        try:
            root.find(path.encode(), follow=True).close()
        except OSError:
            continue
    assert sorted(os.listdir("/proc/self/fd")) == before
