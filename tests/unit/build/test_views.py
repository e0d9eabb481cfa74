"""Layers looked at together, and links that end at the root, without any mount."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sampan.build.patterns import Matcher
from sampan.build.views import DirectoryView, Found, LayersView, place, read_file, resolve, walk
from sampan.errors import InvalidArgument


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if name.endswith("/") else path.write_text(f"{root.name}:{name}")
    return root


@contextmanager
def directory(path: Path, *excluded: str) -> Iterator[DirectoryView]:
    with closing(DirectoryView(str(path), Matcher(excluded))) as view:
        yield view


def paths(found: list[Found]) -> list[str]:
    return sorted(one.path for one in found)


def test_links_end_at_the_root(tmp_path: Path) -> None:
    tree(tmp_path / "r", "etc/passwd", "d/f")
    (tmp_path / "outside").write_text("no")
    for name, target in {
        "abs": "/etc/passwd",
        "up": "../outside",
        "dir": "d",
        "loop": "loop",
        "far": "/d/../../../d/f",
    }.items():
        os.symlink(target, tmp_path / "r" / name)
    with directory(tmp_path / "r") as view:
        found = {name: resolve(view, name) for name in ("abs", "dir/f", "far", "up", "../../d/f", "d/f/x")}
        assert {name: one.path if one else None for name, one in found.items()} == {
            "abs": "etc/passwd", "dir/f": "d/f", "far": "d/f", "up": None, "../../d/f": "d/f", "d/f/x": None,
        }  # fmt: skip
        assert read_file(view, "abs", 100) == b"r:etc/passwd"
        with pytest.raises(InvalidArgument, match="too many links"):
            resolve(view, "loop")
        with pytest.raises(InvalidArgument, match="larger than 3 bytes"):
            read_file(view, "abs", 3)
        link = resolve(view, "abs", last=False)
        assert link is not None
        assert stat.S_ISLNK(link.status.st_mode)


def test_places_that_are_not_there_yet(tmp_path: Path) -> None:
    tree(tmp_path / "r", "usr/lib/", "f")
    os.symlink("usr/lib", tmp_path / "r/lib")
    with directory(tmp_path / "r") as view:
        assert place(view, "/lib/new/file") == "usr/lib/new/file"
        assert place(view, "/a/../../b") == "b"
        with pytest.raises(InvalidArgument, match="cannot copy to non-directory: /f"):
            place(view, "/f/x")


def test_what_is_excluded_is_not_there(tmp_path: Path) -> None:
    tree(tmp_path / "r", "a.log", "keep.log", "d/x", "d/y", "e/z")
    with directory(tmp_path / "r", "*.log", "!keep.log", "d", "!d/y") as view:
        assert paths(walk(view, "")) == ["d", "d/y", "e", "e/z", "keep.log"]
        assert view.lstat("a.log") is None
        assert resolve(view, "d/x") is None


def test_layers_hide_what_is_below(tmp_path: Path) -> None:
    low = tree(tmp_path / "low", "a/1", "a/2", "b/1", "c/d/1", "file")
    high = tree(tmp_path / "high", "a/2", "b", "e/new")
    with closing(LayersView([str(high), str(low)], ["/c/d"])) as view:
        assert paths(walk(view, "")) == ["a", "a/1", "a/2", "b", "c", "c/d", "e", "e/new", "file"]
        assert read_file(view, "a/2", 100) == b"high:a/2"
        assert view.lstat("b/1") is None
        assert view.lstat("c/d/1") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="makes whiteouts: needs root")
def test_whiteouts(tmp_path: Path) -> None:
    low = tree(tmp_path / "low", "gone", "dir/gone", "dir/stays", "opaque/hidden")
    high = tree(tmp_path / "high", "dir/", "opaque/shown")
    os.mknod(high / "gone", stat.S_IFCHR, os.makedev(0, 0))
    os.mknod(high / "dir/gone", stat.S_IFCHR, os.makedev(0, 0))
    try:
        os.setxattr(high / "opaque", "trusted.overlay.opaque", b"y")
    except OSError:
        pytest.skip("no trusted attributes here")
    with closing(LayersView([str(high), str(low)])) as view:
        assert paths(walk(view, "")) == ["dir", "dir/stays", "opaque", "opaque/shown"]


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with directory(tmp_path) as view:
        assert read_file(view, "f", 10) is None
