"""How large the image of a disk must be, for so much room in it."""

import pytest

from sampan.engine import disks
from sampan.errors import InvalidArgument

MEGA = 1 << 20


@pytest.mark.parametrize("mebi", [1, 5, 64, 127, 128, 511, 1024, 4096, 100 * 1024])
def test_there_is_room_for_what_ext4_needs_itself(mebi: int) -> None:
    found = disks.geometry(mebi * MEGA)
    own = found.journal * MEGA + found.inodes * 256
    assert found.image >= mebi * MEGA + own
    assert found.image <= mebi * MEGA * 1.03 + own + 3 * MEGA
    assert found.image % MEGA == 0
    assert found.inodes >= mebi * 64


def test_larger_disks_have_larger_journals() -> None:
    sizes = [disks.geometry(mebi * MEGA).journal for mebi in (1, 127, 128, 512, 4095, 4096, 1 << 20)]
    assert sizes == [4, 4, 8, 16, 16, 32, 32]


@pytest.mark.parametrize(
    ("text", "size"), [("1m", MEGA), ("2g", 2048 * MEGA), ("1048576", MEGA), ("1.5G", 1536 * MEGA)]
)
def test_sizes(text: str, size: int) -> None:
    assert disks.parse(text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "1k", "17t", "1e9", "m", " "])
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid size"):
        disks.parse(text)
