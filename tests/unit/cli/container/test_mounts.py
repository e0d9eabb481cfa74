"""`-v`, `--mount`, `--tmpfs`."""

import os
from pathlib import Path

import pytest

from sampan.cli.container import mounts
from sampan.errors import InvalidArgument


def test_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    binds, anonymous = mounts.split_volumes(["/a:/b", "name:/c:ro", "/data", "./x:/x", "..:/up", ".:/here"])
    here = os.getcwd()
    assert binds == ["/a:/b", "name:/c:ro", f"{here}/x:/x", f"{os.path.dirname(here)}:/up", f"{here}:/here"]
    assert anonymous == {"/data": {}}


@pytest.mark.parametrize(
    ("text", "error"),
    [("", "invalid empty volume spec"), (":::", "invalid spec: :::: empty section between colons")],
)
def test_wrong_volumes(text: str, error: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{error}$"):
        mounts.split_volumes([text])


def test_tmpfs() -> None:
    assert mounts.tmpfs(["/run", "/tmp:size=1m,mode=1777"]) == {"/run": "", "/tmp": "size=1m,mode=1777"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target=/b", {"Type": "volume", "Target": "/b"}),
        (
            "type=bind,source=/a,target=/b,readonly",
            {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True},
        ),
        (
            "type=bind,src=/a,dst=/b,ro=false",
            {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": False},
        ),
        (
            "type=bind,src=/a,destination=/b,bind-propagation=rslave",
            {"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"Propagation": "rslave"}},
        ),
        (
            "type=bind,src=/a,target=/b,bind-recursive=disabled",
            {"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"NonRecursive": True}},
        ),
        (
            "src=v,target=/b,volume-nocopy,volume-label=a=b,volume-driver=d,volume-opt=o=p=q,volume-subpath=s",
            {
                "Type": "volume",
                "Source": "v",
                "Target": "/b",
                "VolumeOptions": {
                    "NoCopy": True,
                    "Labels": {"a": "b"},
                    "DriverConfig": {"Name": "d", "Options": {"o": "p=q"}},
                    "Subpath": "s",
                },
            },
        ),
        (
            "type=tmpfs,target=/b,tmpfs-size=1m,tmpfs-mode=1777",
            {"Type": "tmpfs", "Target": "/b", "TmpfsOptions": {"SizeBytes": 1048576, "Mode": 0o1777}},
        ),
        (
            'type=bind,"source=/a,b",target=/c',
            {"Type": "bind", "Source": "/a,b", "Target": "/c"},
        ),
        (
            "type=image,source=i,target=/b,image-subpath=s",
            {"Type": "image", "Source": "i", "Target": "/b", "ImageOptions": {"Subpath": "s"}},
        ),
    ],
)
def test_mounts(text: str, expected: dict[str, object]) -> None:
    assert mounts.parse_mount(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "value is empty"),
        ("a", "invalid field 'a' must be a key=value pair"),
        ("type=bind", "target is required"),
        ("type=,target=/a", "type is required"),
        ("target=/a,foo=1", "unexpected key 'foo' in 'foo=1'"),
        ("target=/a,readonly=maybe", "invalid value for readonly: maybe"),
        ("type=bind,target=/a,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
        ("target=/a,bind-propagation=shared", "cannot mix 'bind-*' options with mount type 'volume'"),
        ("type=tmpfs,target=/a,tmpfs-size=x", "invalid value for tmpfs-size: x"),
        ("type=tmpfs,target=/a,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
        (
            "type=bind,source=/a,target=/b,bind-recursive=readonly",
            "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
        ),
        (
            "type=bind,source=/a,target=/b,readonly,bind-recursive=readonly",
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in"
            " conjunction",
        ),
        ('"target=/a', 'parse error on line 1, column 1: extraneous or missing " in quoted-field'),
    ],
)
def test_wrong_mounts(text: str, error: str) -> None:
    with pytest.raises(ValueError) as raised:
        mounts.parse_mount(text)
    assert str(raised.value) == error
