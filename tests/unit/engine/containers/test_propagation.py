"""Whether mounts come through to a bind's source."""

from pathlib import Path

import pytest

from sampan.engine.containers import propagation
from sampan.engine.containers.record import MountPoint
from sampan.errors import InvalidArgument

TABLE = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:25 / /run rw shared:5 - tmpfs tmpfs rw
31 30 0:26 / /run/a\\040b rw master:7 - tmpfs tmpfs rw
32 22 0:27 / /srv rw shared:8 - tmpfs tmpfs rw
33 32 0:28 / /srv rw - tmpfs tmpfs rw
34 22 0:29 / /sm\\303\\266r rw shared:9 master:1 propagate_from:2 - tmpfs tmpfs rw
"""


def test_the_table_of_mounts() -> None:
    mounts = propagation.parse(TABLE)
    assert [mount.place for mount in mounts] == ["/", "/run", "/run/a b", "/srv", "/srv", "/smör"]
    assert mounts[5].tags == ("shared:9", "master:1", "propagate_from:2")


@pytest.mark.parametrize(
    ("path", "place", "tags"),
    [
        ("/", "/", ()),
        ("/home/x", "/", ()),
        ("/run", "/run", ("shared:5",)),
        ("/runner", "/", ()),
        ("/run/a b/c", "/run/a b", ("master:7",)),
        ("/srv/x", "/srv", ()),
    ],
)
def test_which_mount_holds_a_path(path: str, place: str, tags: tuple[str, ...]) -> None:
    assert propagation.holder(propagation.parse(TABLE), path) == (place, tags)


def test_private_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point = MountPoint("bind", str(tmp_path), "/m", propagation="rshared")
    monkeypatch.setattr(propagation, "parse", lambda _text: [propagation.Mount("/", ("master:3",))])
    with pytest.raises(InvalidArgument) as error:
        propagation.check([point])
    assert str(error.value) == f"path {tmp_path} is mounted on / but it is not a shared mount"
    point.propagation = "slave"
    propagation.check([point])
    monkeypatch.setattr(propagation, "parse", lambda _text: [propagation.Mount("/", ())])
    with pytest.raises(InvalidArgument, match="is not a shared or slave mount"):
        propagation.check([point])
    point.propagation = "rprivate"
    propagation.check([point])
