"""`userns-remap`: whose ranges, and what becomes of them."""

from pathlib import Path

import pytest

from sampan.engine import subids
from sampan.errors import InvalidArgument


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "subuid").write_text("other:5:5\nme:1000:10\n# nothing\nme:5000:20\ndockremap:9:1\n")
    (tmp_path / "subgid").write_text("me:2000:30\ngroup:7:8\ndockremap:9:1\n")
    return str(tmp_path / "subuid"), str(tmp_path / "subgid")


@pytest.mark.parametrize("value", [None, "", False])
def test_not_asked_for(value: object, files: tuple[str, str]) -> None:
    assert subids.remap(value, *files) is None


def test_ranges_follow_one_another(files: tuple[str, str]) -> None:
    found = subids.remap("me", *files)
    assert found is not None
    assert (found.uids, found.gids) == (((0, 1000, 10), (10, 5000, 20)), ((0, 2000, 30),))
    assert found.mappings()["gidMappings"] == [{"containerID": 0, "hostID": 2000, "size": 30}]


def test_another_group_and_the_default(files: tuple[str, str]) -> None:
    with_group, default = subids.remap("me:group", *files), subids.remap("default", *files)
    assert with_group is not None and with_group.gids == ((0, 7, 8),)
    assert default is not None and default.uids == ((0, 9, 1),)


def test_without_ranges(files: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="Can't create ID mappings: no subuid ranges found for user"):
        subids.remap("nobody", *files)
    with pytest.raises(InvalidArgument, match="no subuid ranges"):
        subids.remap("me", str(tmp_path / "missing"), files[1])
    with pytest.raises(InvalidArgument, match="must be a string"):
        subids.remap(5, *files)
