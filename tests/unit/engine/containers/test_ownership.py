"""Whose the files of a mount are: words, refusals, and the mappings that the kernel gets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sampan.engine.containers import ownership
from sampan.engine.containers.config import Ownership
from sampan.engine.subids import Remap
from sampan.errors import InvalidArgument

REMAP = Remap(((0, 100_000, 65_536),), ((0, 200_000, 65_536),))
LAST = 2**32 - 2


def shown(entries: list[dict[str, int]], disk: int) -> int:
    """What a mapping makes of an id of the disk; -1: nobody."""
    found = [
        e["hostID"] + disk - e["containerID"] for e in entries if 0 <= disk - e["containerID"] < e["size"]
    ]
    assert len(found) <= 1
    return found[0] if found else -1


def mapped(asked: Ownership, on_disk: tuple[int, int] = (0, 0), **more: Any) -> dict[str, Any]:
    return ownership.mappings(asked, on_disk, more.get("remap"), volume=more.get("volume", False))


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], None),
        (["uid=0"], Ownership(uid=0)),
        (["uid=1000", "gid=50"], Ownership(uid=1000, gid=50)),
        (["idmap"], Ownership(idmap="")),
        (["idmap=uids=0-1-10#20-30-1;gids=@0-0-5"], Ownership(idmap="uids=0-1-10#20-30-1;gids=@0-0-5")),
        (["U"], Ownership(chown=True)),
    ],
)
def test_words(words: list[str], asked: Ownership | None) -> None:
    assert all(map(ownership.is_word, words))
    assert ownership.of_words(words) == asked


@pytest.mark.parametrize("word", ["uid", "ro", "u", "Uid=3", "nocopy"])
def test_other_words(word: str) -> None:
    assert not ownership.is_word(word)


@pytest.mark.parametrize(
    "words",
    [
        ["uid="], ["uid=root"], ["uid=-1"], ["uid=4294967295"], ["uid=99999999999"], ["uid=1", "U"],
        ["uid=\u00b2"],
        ["gid=1", "idmap"], ["U", "idmap"], ["idmap=x"], ["idmap=uids=1-2"], ["idmap=uids=1-2-0"],
        ["idmap=uids=0-0-5#4-9-1"], ["idmap=uids=0-0-5#9-4-1"], ["idmap=uids=0-0-4294967296"],
        ["idmap=uids=0-0-1;uids=2-2-1"], ["idmap=uids=" + "#".join(f"{n}-{n}-1" for n in range(341))],
    ],
)  # fmt: skip
def test_wrong_words(words: list[str]) -> None:
    with pytest.raises(ValueError):
        ownership.of_words(words)


def test_two_owners_change_places() -> None:
    found = mapped(Ownership(uid=33), (1000, 1000))["uidMappings"]
    assert [shown(found, disk) for disk in (0, 32, 33, 34, 999, 1000, 1001, LAST)] == [
        0, 32, 1000, 34, 999, 33, 1001, LAST,
    ]  # fmt: skip
    groups = mapped(Ownership(uid=33), (1000, 1000))["gidMappings"]
    assert groups == [{"containerID": 0, "hostID": 0, "size": LAST + 1}]


def test_nothing_to_change() -> None:
    assert mapped(Ownership(uid=7), (7, 0))["uidMappings"] == [
        {"containerID": 0, "hostID": 0, "size": LAST + 1}
    ]
    assert mapped(Ownership(idmap="")) == {}
    assert mapped(Ownership(chown=True)) == {}


def test_with_a_user_namespace() -> None:
    """A volume has the container's ids on the disk, a bind the machine's."""
    volume = mapped(Ownership(uid=33), (0, 0), remap=REMAP, volume=True)["uidMappings"]
    assert [shown(volume, disk) for disk in (0, 33, 34, 65_535, 65_536)] == [
        100_033,
        100_000,
        100_034,
        165_535,
        -1,
    ]
    bind = mapped(Ownership(uid=33), (1000, 1000), remap=REMAP)["uidMappings"]
    assert [shown(bind, disk) for disk in (0, 1000, 100_033)] == [0, 100_033, 1000]
    stranger = mapped(Ownership(gid=0), (5, 900_000), remap=REMAP, volume=True)["gidMappings"]
    assert [shown(stranger, disk) for disk in (0, 1, 900_000)] == [-1, 200_001, 200_000]
    assert mapped(Ownership(idmap=""), remap=REMAP) == REMAP.mappings()
    assert mapped(Ownership(chown=True), remap=REMAP) == {}
    assert mapped(Ownership(chown=True), remap=REMAP, volume=True) == REMAP.mappings()
    with pytest.raises(InvalidArgument, match="ID 70000 of a mount is not in the container's user namespace"):
        mapped(Ownership(uid=70_000), remap=REMAP)


def test_a_mapping_of_ones_own() -> None:
    asked = Ownership(idmap="uids=5-1000-2#0-7-1;gids=@0-10-3")
    found = mapped(asked, remap=REMAP)
    assert [shown(found["uidMappings"], disk) for disk in (0, 5, 6, 7)] == [7, 1000, 1001, -1]
    assert [shown(found["gidMappings"], disk) for disk in (0, 2, 3)] == [200_010, 200_012, -1]
    assert mapped(asked)["gidMappings"] == [{"containerID": 0, "hostID": 10, "size": 3}]


IDS = some.integers(0, LAST) | some.integers(0, 70_000)


@given(IDS, some.integers(0, 65_535), some.booleans(), some.booleans())
def test_every_mapping_is_one_to_one(disk: int, inside: int, remapped: bool, volume: bool) -> None:
    remap = REMAP if remapped else None
    found = mapped(Ownership(uid=inside), (disk, 0), remap=remap, volume=volume)["uidMappings"]
    for column in ("containerID", "hostID"):
        end = 0
        for first, size in sorted((entry[column], entry["size"]) for entry in found):
            assert first >= end
            assert size > 0
            end = first + size
        assert end <= LAST + 1
    assert shown(found, disk) == inside + (100_000 if remapped else 0)
