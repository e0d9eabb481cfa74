"""A container's directories beside those of its image."""

import os
import stat
from pathlib import Path

import pytest

from sampan.storage.changes import Kind, changes

NOTHING: frozenset[bytes] = frozenset()


class Tree:
    """Two image layers (top first) and the container's own two."""

    def __init__(self, root: Path) -> None:
        self.own = [root / "own", root / "committed"]
        self.image = [root / "image1", root / "image0"]
        for path in (*self.own, *self.image):
            path.mkdir()

    def told(self, hidden: frozenset[bytes] = NOTHING) -> list[str]:
        found = changes([str(path) for path in self.own], [str(path) for path in self.image], hidden)
        return [f"{'CAD'[change.kind]} {change.path.decode()}" for change in found]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def put(place: Path, path: str, text: str = "") -> None:
    (place / path).parent.mkdir(parents=True, exist_ok=True)
    (place / path).write_text(text)


def copy_up(lower: Path, upper: Path, path: str) -> None:
    """A directory as the overlay has it after something in it was changed."""
    (upper / path).mkdir(exist_ok=True)
    status = os.stat(lower / path)
    os.chmod(upper / path, stat.S_IMODE(status.st_mode))
    os.utime(upper / path, ns=(status.st_atime_ns, status.st_mtime_ns))


def whiteout(place: Path, path: str) -> None:
    os.mknod(place / path, stat.S_IFCHR | 0o600, 0)


def test_nothing(tree: Tree) -> None:
    put(tree.image[1], "etc/passwd")
    assert tree.told() == []


def test_added_and_changed_with_their_parents(tree: Tree) -> None:
    put(tree.image[1], "etc/passwd")
    put(tree.image[0], "var/lib/x")
    put(tree.own[0], "etc/passwd", "more")
    put(tree.own[0], "new/dir/f")
    copy_up(tree.image[1], tree.own[0], "etc")
    (tree.own[0] / "var").mkdir()
    for path in ("var/lib", "var"):  # the inner one first: it changes the time of the outer one
        copy_up(tree.image[0], tree.own[0], path)
    assert tree.told() == ["C /etc", "C /etc/passwd", "A /new", "A /new/dir", "A /new/dir/f"]


def test_a_directory_of_another_mode_or_time(tree: Tree) -> None:
    for name in ("mode", "time"):
        (tree.image[0] / name).mkdir()
        copy_up(tree.image[0], tree.own[0], name)
    assert tree.told() == []
    os.chmod(tree.own[0] / "mode", 0o700)
    os.utime(tree.own[0] / "time", (1, 1))
    assert tree.told() == ["C /mode", "C /time"]


def test_removed(tree: Tree) -> None:
    put(tree.image[1], "bin/ls")
    put(tree.own[0], "bin/x")
    copy_up(tree.image[1], tree.own[0], "bin")
    whiteout(tree.own[0], "bin/ls")
    whiteout(tree.own[0], "bin/never")
    assert tree.told() == ["C /bin", "D /bin/ls", "A /bin/x"]


def test_what_a_layer_of_the_image_removed_is_new(tree: Tree) -> None:
    put(tree.image[1], "gone")
    whiteout(tree.image[0], "gone")
    put(tree.own[0], "gone")
    assert tree.told() == ["A /gone"]


def test_a_file_in_place_of_a_directory(tree: Tree) -> None:
    put(tree.image[0], "root/.profile")
    put(tree.own[0], "root")
    assert tree.told() == ["C /root"]


def test_what_was_committed_counts_and_may_be_gone_again(tree: Tree) -> None:
    put(tree.own[1], "a")
    put(tree.own[1], "b")
    put(tree.own[1], "d/x")
    whiteout(tree.own[0], "b")
    whiteout(tree.own[0], "d")
    assert tree.told() == ["A /a"]


def test_mount_points_are_no_news(tree: Tree) -> None:
    put(tree.image[0], "etc/passwd")
    put(tree.own[0], "etc/hosts")
    hidden = frozenset((b"/etc/hosts", b"/proc"))
    (tree.own[0] / "proc").mkdir()
    assert tree.told(hidden) == []
    put(tree.own[0], "etc/passwd")
    assert tree.told(hidden) == ["C /etc", "C /etc/passwd"]


def test_links_are_not_followed(tree: Tree, tmp_path: Path) -> None:
    put(tmp_path / "outside", "secret")
    (tree.own[0] / "link").symlink_to(tmp_path / "outside")
    (tree.image[0] / "dir").symlink_to(tmp_path / "outside")
    put(tree.own[0], "dir/secret")
    assert tree.told() == ["C /dir", "A /dir/secret", "A /link"]


def test_depth_has_an_end(tree: Tree) -> None:
    """Deeper than any path can be: told as far as it can be named."""
    here = os.open(tree.own[0], os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        deeper = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    told = list(changes([str(tree.own[0])], [], NOTHING))
    assert all(change.kind is Kind.ADDED for change in told)
    assert len(told) == 16


def test_a_directory_that_is_not_there_any_more(tree: Tree) -> None:
    tree.own[0].rmdir()
    assert tree.told() == []
