"""What is opened before the pivot: parts of volumes, images beside the root, long paths; user namespaces."""

import os
from pathlib import Path
from typing import Any

import pytest

from sampan.linux import overlay as overlayfs
from sampan.runtime.failure import OciError
from sampan.runtime.protocol import Rootfs

pytestmark = pytest.mark.root
TOP = "a\nout\nup\n"


def bind(source: Path, **more: Any) -> dict[str, Any]:
    return {"destination": "/m", "type": "bind", "source": str(source), "options": ["rbind"], **more}


@pytest.fixture
def volume(box: Any) -> Path:
    path: Path = box.directory / "volume"
    (path / "a/b").mkdir(parents=True)
    (path / "a/b/inside").touch()
    (path / "out").symlink_to("/")
    (path / "up").symlink_to("../../..")
    return path


@pytest.mark.parametrize(
    ("subpath", "seen"),
    [("a/b", "inside\n"), ("a/../a/b", "inside\n"), ("out", "a\nout\nup\n"), ("up", "a\nout\nup\n")],
)
def test_a_part_of_a_volume_is_in_it(box: Any, volume: Path, subpath: str, seen: str) -> None:
    spec = box.spec("ls", "/m")
    spec["mounts"].append(bind(volume, subpath=subpath))
    assert box.run(spec).output == seen


def test_a_part_that_is_not_there(box: Any, volume: Path) -> None:
    spec = box.spec("ls", "/m")
    spec["mounts"].append(bind(volume, subpath="nope"))
    with pytest.raises(OciError, match=r"cannot access path .*/nope: no such file or directory"):
        box.run(spec)


@pytest.fixture
def layers(box: Any) -> list[str]:
    """Top first; the second has a colon and a backslash in its name."""
    top, bottom = box.directory / "layers/2", box.directory / "layers/3:\\x"
    for path, name in ((top, "new"), (bottom, "old")):
        (path / "dir").mkdir(parents=True)
        (path / "dir" / name).touch()
    return [str(top), str(bottom)]


@pytest.mark.parametrize("singly", [True, False])
def test_an_image_beside_the_root(
    box: Any, layers: list[str], monkeypatch: pytest.MonkeyPatch, singly: bool
) -> None:
    """By either interface of overlayfs."""
    if singly and not overlayfs.takes_layers_singly():
        pytest.skip("this kernel takes layers in one string only")
    monkeypatch.setattr(overlayfs, "takes_layers_singly", lambda: singly)
    escaped = ":".join(path.replace("\\", "\\\\").replace(":", "\\:") for path in layers)
    overlay = {"destination": "/i", "type": "overlay", "options": ["ro", f"lowerdir={escaped}"]}
    spec = box.spec(script="ls /i/dir /j; touch /i/x 2>/dev/null || echo read-only; touch /x && echo written")
    spec["mounts"] += [overlay, {**overlay, "destination": "/j", "subpath": "dir"}]
    result = box.run(spec)
    assert result.output == "/i/dir:\nnew\nold\n\n/j:\nnew\nold\nread-only\nwritten\n"


def test_an_overlay_takes_layers_and_nothing_else(box: Any) -> None:
    spec = box.spec("true")
    options = ["lowerdir=/a", "upperdir=/b", "workdir=/c"]
    spec["mounts"].append({"destination": "/i", "type": "overlay", "options": options})
    with pytest.raises(OciError, match="upperdir is not supported"):
        box.run(spec)


def test_paths_longer_than_a_string_of_fsconfig(box: Any) -> None:
    deep = box.directory / ("d" * 200) / ("e" * 100)
    for name in ("diff", "work", "layer"):
        (deep / name).mkdir(parents=True)
    (deep / "layer/there").touch()
    long = Rootfs([str(deep / "layer"), str(box.layer)], str(deep / "diff"), str(deep / "work"))
    assert len(str(deep)) > 300
    assert box.run(box.spec(script="ls /there; touch /new"), box.launch(rootfs=long)).output == "/there\n"
    assert (deep / "diff/new").exists()


MAPPED = [{"containerID": 0, "hostID": 3_000_000_000, "size": 65536}]


def test_a_user_namespace(box: Any) -> None:
    ids = {"uidMappings": MAPPED, "gidMappings": MAPPED}
    spec = box.spec(
        script="id -u; cat /proc/self/uid_map; touch /made; stat -c %u /made /dev/null /bin/busybox"
    )
    spec["linux"]["namespaces"].append({"type": "user"})
    spec["linux"] |= ids
    assert box.run(spec).output.split() == ["0", "0", "3000000000", "65536", "0", "0", "0"]
    assert os.stat(box.upper / "made").st_uid == 0
