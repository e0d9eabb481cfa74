"""A layer as it is written: what is copied up of the layers below, and where links lead."""

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from sampan.build.owners import Owner
from sampan.build.select import Selected, entries
from sampan.build.views import DirectoryView, resolve
from sampan.build.writing import LayerWriter, Rules, clamp
from sampan.errors import InvalidArgument

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sets owners: needs root")
ROOT = Rules(owner=Owner(0, 0))


class Scene:
    def __init__(self, path: Path) -> None:
        self.low, self.diff, self.source = path / "low", path / "diff", path / "source"
        for directory in (self.low, self.diff, self.source):
            directory.mkdir()

    def copy(self, name: str, target: str, rules: Rules = ROOT, limit: int = 1 << 20) -> LayerWriter:
        writer = LayerWriter(str(self.diff), [str(self.low)], (), limit)
        with closing(writer), closing(DirectoryView(str(self.source))) as view:
            top = resolve(view, name)
            assert top is not None
            place = writer.target(target)[0]
            writer.copy(view, entries(view, Selected(top, name), None), place, rules)
        return writer


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_directories_on_the_way_are_copied_up(scene: Scene) -> None:
    (scene.low / "srv/app").mkdir(parents=True)
    os.chmod(scene.low / "srv/app", 0o1750)
    os.chown(scene.low / "srv/app", 33, 44)
    os.utime(scene.low / "srv/app", (1000, 1000))
    (scene.source / "f").write_text("x")
    scene.copy("f", "/srv/app/new/f")
    copied = (scene.diff / "srv/app").stat()
    assert (stat.S_IMODE(copied.st_mode), copied.st_uid, copied.st_gid, copied.st_mtime) == (
        0o1750,
        33,
        44,
        1000,
    )
    made = (scene.diff / "srv/app/new").stat()
    assert (stat.S_IMODE(made.st_mode), made.st_uid) == (0o755, 0)


def test_links_of_the_image_are_followed_inside(scene: Scene, tmp_path: Path) -> None:
    (scene.low / "usr/lib").mkdir(parents=True)
    os.symlink("/usr/lib", scene.low / "lib")
    os.symlink(tmp_path / "outside", scene.low / "out")
    (scene.source / "f").write_text("x")
    scene.copy("f", "/lib/f")
    scene.copy("f", "/out/f")
    assert (scene.diff / "usr/lib/f").read_text() == "x"
    assert not (tmp_path / "outside").exists()
    assert (scene.diff / str(tmp_path / "outside/f").lstrip("/")).exists()


def test_a_directory_goes_into_one_that_is_there(scene: Scene) -> None:
    (scene.low / "d/sub").mkdir(parents=True)
    (scene.low / "d/kept").write_text("old")
    (scene.source / "t/sub").mkdir(parents=True)
    (scene.source / "t/sub/f").write_text("new")
    os.link(scene.source / "t/sub/f", scene.source / "t/twin")
    os.symlink("/etc/shadow", scene.source / "t/link")
    writer = scene.copy("t", "/d")
    assert sorted(os.listdir(scene.diff / "d")) == ["link", "sub", "twin"]
    assert (scene.diff / "d/twin").stat().st_ino == (scene.diff / "d/sub/f").stat().st_ino
    assert os.readlink(scene.diff / "d/link") == "/etc/shadow"
    assert writer.entries == 4


def test_what_cannot_be_put_there(scene: Scene) -> None:
    (scene.low / "d").mkdir()
    (scene.low / "f").write_text("")
    (scene.source / "x").write_text("")
    (scene.source / "t/d").mkdir(parents=True)
    (scene.source / "t/d/y").write_text("")
    (scene.source / "u").mkdir()
    (scene.source / "u/d").write_text("")
    with pytest.raises(InvalidArgument, match="cannot copy to non-directory: /f"):
        scene.copy("x", "/f/x")
    with pytest.raises(InvalidArgument, match="cannot copy to non-directory: /f"):
        scene.copy("t", "/f")
    with pytest.raises(InvalidArgument, match="cannot replace to directory d with file"):
        scene.copy("u", "/")


def test_no_more_than_there_is_room_for(scene: Scene) -> None:
    with open(scene.source / "large", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="No space left"):
        scene.copy("large", "/large")


def test_no_time_is_later_than_the_epoch(scene: Scene) -> None:
    (scene.source / "old").write_text("")
    os.utime(scene.source / "old", (5, 5))
    (scene.source / "new").write_text("")
    scene.copy("", "/d")
    clamp(str(scene.diff), 1_000_000_000_000)
    times = [path.lstat().st_mtime for path in (scene.diff / "d/old", scene.diff / "d/new", scene.diff / "d")]
    assert times == [5, 1000, 1000]
