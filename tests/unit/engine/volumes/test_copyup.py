"""The first use of a volume, on layers made of plain directories."""

import os
from pathlib import Path

import pytest

from sampan.engine.volumes.copyup import copy_up


def layer(base: Path, name: str, files: dict[str, str]) -> str:
    root = base / name
    root.mkdir()
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return str(root)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.mkdir()
    return path


def tree(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): file.read_text() for file in sorted(path.rglob("*")) if file.is_file()
    }


def test_upper_layers_hide_lower_ones(tmp_path: Path, volume: Path) -> None:
    low = layer(tmp_path, "low", {"d/a": "low", "d/sub/x": "low", "d/b": "low", "other": "no"})
    top = layer(tmp_path, "top", {"d/a": "top", "d/sub/y": "top"})
    copy_up([top, low], "/d", str(volume))
    assert tree(volume) == {"a": "top", "b": "low", "sub/x": "low", "sub/y": "top"}


def test_modes_links_and_times_stay(tmp_path: Path, volume: Path) -> None:
    root = layer(tmp_path, "one", {"d/run": "x"})
    os.chmod(f"{root}/d", 0o751)
    os.chmod(f"{root}/d/run", 0o755)
    os.symlink("/etc/passwd", f"{root}/d/link")
    os.utime(f"{root}/d/run", ns=(1, 5_000_000_000))
    copy_up([root], "/d", str(volume))
    assert volume.stat().st_mode & 0o7777 == 0o751
    assert (volume / "run").stat().st_mode & 0o7777 == 0o755
    assert (volume / "run").stat().st_mtime_ns == 5_000_000_000
    assert os.readlink(volume / "link") == "/etc/passwd"


def test_a_volume_with_something_in_it_is_left_alone(tmp_path: Path, volume: Path) -> None:
    (volume / "mine").write_text("1")
    copy_up([layer(tmp_path, "one", {"d/a": "x"})], "/d", str(volume))
    assert tree(volume) == {"mine": "1"}


def test_what_is_not_there_gives_nothing(tmp_path: Path, volume: Path) -> None:
    copy_up([layer(tmp_path, "one", {"d": "a file"})], "/d", str(volume))
    copy_up([layer(tmp_path, "two", {"x/y": ""})], "/nothing/here", str(volume))
    assert tree(volume) == {}


def test_a_file_on_the_way_hides_the_directory_below(tmp_path: Path, volume: Path) -> None:
    low = layer(tmp_path, "low", {"a/b/c": "hidden"})
    top = layer(tmp_path, "top", {"a": "a file"})
    copy_up([top, low], "/a/b", str(volume))
    assert tree(volume) == {}


@pytest.mark.parametrize("target", ["/", "/etc", "../../../../etc", "/proc/self/root/etc"])
def test_links_do_not_lead_out_of_the_layer(tmp_path: Path, volume: Path, target: str) -> None:
    root = layer(tmp_path, "one", {"etc/inside": "1"})
    os.symlink(target, f"{root}/d")
    copy_up([root], "/d", str(volume))
    assert not (volume / "passwd").exists()
    assert not (volume / "etc" / "passwd").exists()


def test_climbing_does_not_lead_out_either(tmp_path: Path, volume: Path) -> None:
    copy_up([layer(tmp_path, "one", {"etc/inside": "1"})], "/../../../etc", str(volume))
    assert tree(volume) in ({}, {"inside": "1"})


def test_names_of_one_file_stay_so(tmp_path: Path, volume: Path) -> None:
    root = layer(tmp_path, "one", {"d/first": "x", "d/other": "y"})
    os.mkdir(f"{root}/d/sub")
    os.link(f"{root}/d/first", f"{root}/d/sub/second")
    os.symlink("first", f"{root}/d/soft")
    os.link(f"{root}/d/soft", f"{root}/d/soft2", follow_symlinks=False)
    os.link(f"{root}/d/first", f"{root}/elsewhere")
    copy_up([root], "/d", str(volume))
    assert os.path.samefile(volume / "first", volume / "sub/second")
    assert (volume / "first").stat().st_nlink == 2
    assert (volume / "soft").lstat().st_ino == (volume / "soft2").lstat().st_ino
    assert (volume / "other").stat().st_nlink == 1


def test_attributes_pipes_and_holes(tmp_path: Path, volume: Path) -> None:
    root = layer(tmp_path, "one", {"d/file": "x"})
    os.setxattr(f"{root}/d/file", "user.colour", b"blue")
    os.setxattr(f"{root}/d", "user.colour", b"red")
    os.mkfifo(f"{root}/d/pipe", 0o640)
    os.truncate(f"{root}/d/file", 10 << 20)
    copy_up([root], "/d", str(volume))
    assert os.getxattr(volume / "file", "user.colour") == b"blue"
    assert os.getxattr(volume, "user.colour") == b"red"
    assert (volume / "pipe").is_fifo()
    status = (volume / "file").stat()
    assert status.st_size == 10 << 20
    assert status.st_blocks < 1 << 10
