"""`-v`, `--mount` and `--tmpfs` → mount points."""

from pathlib import Path

import pytest

from sampan.engine.containers import mounts
from sampan.engine.containers.config import (
    BindOptions,
    Config,
    DriverConfig,
    HostConfig,
    ImageOptions,
    MountRequest,
    TmpfsOptions,
    VolumeOptions,
)
from sampan.engine.containers.record import MountPoint
from sampan.errors import InvalidArgument


def resolve(config: Config | None = None, host: HostConfig | None = None) -> list[MountPoint]:
    return mounts.resolve(config or Config(), host or HostConfig(), recursive_readonly=True)


@pytest.mark.parametrize(
    ("spec", "point"),
    [
        ("/a:/b", MountPoint("bind", "/a", "/b", propagation="rprivate")),
        ("/a/../c/:/b/", MountPoint("bind", "/c", "/b", propagation="rprivate")),
        ("/a:/b:ro", MountPoint("bind", "/a", "/b", writable=False, mode="ro", propagation="rprivate")),
        ("/a:/b:rslave,z", MountPoint("bind", "/a", "/b", mode="rslave,z", propagation="rslave")),
        ("vol:/b", MountPoint("volume", "vol", "/b", copy_up=True, driver="local")),
        (
            "vol:/b:ro,nocopy",
            MountPoint("volume", "vol", "/b", writable=False, mode="ro,nocopy", driver="local"),
        ),
    ],
)
def test_binds(spec: str, point: MountPoint) -> None:
    assert resolve(host=HostConfig(binds=[spec])) == [point]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("/a:/b:zz", "invalid mode: zz"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        (
            "/a:/b:nocopy",
            "invalid volume specification: '/a:/b:nocopy': invalid mount config for type \"bind\": field"
            " VolumeOptions must not be specified",
        ),
        (
            "vol:/b:rshared",
            "invalid volume specification: 'vol:/b:rshared': invalid mount config for type \"volume\": field"
            " BindOptions must not be specified",
        ),
        ("/a:ro", "invalid volume specification: '/a:ro'"),
        ("/a:/b:cached,consistent", "invalid mode: cached,consistent"),
        ("v:/b", "create v: volume name is too short, names should be at least two alphanumeric characters"),
        ("/a:/b:ro:x", "invalid volume specification: '/a:/b:ro:x'"),
        ("/a:", "invalid volume specification: '/a:'"),
        (":/a", "invalid volume specification: ':/a'"),
        (
            "rel:x",
            "invalid volume specification: 'rel:x': invalid mount config for type \"volume\": invalid mount"
            " path: 'x' mount path must be absolute",
        ),
        (
            "a/b:/x",
            'create a/b: "a/b" includes invalid characters for a local volume name, only'
            ' "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute'
            " path",
        ),
        (
            "/a:/b/..",
            "invalid volume specification: '/a:/b/..': invalid mount config for type \"bind\": invalid"
            " specification: destination can't be '/'",
        ),
    ],
)
def test_binds_that_are_wrong(spec: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        resolve(host=HostConfig(binds=[spec]))
    assert str(error.value) == message


def test_a_place_is_taken_once() -> None:
    with pytest.raises(InvalidArgument, match="Duplicate mount point: /x"):
        resolve(host=HostConfig(binds=["/a:/x", "vol:/x/"]))


def test_volumes_of_the_image_give_way() -> None:
    config = Config(volumes={"/data": {}, "/other": {}})
    points = resolve(config, HostConfig(binds=["vol:/data"]))
    assert [(point.source == "vol", point.destination, point.anonymous) for point in points] == [
        (True, "/data", False),
        (False, "/other", True),
    ]
    assert len(points[1].source) == 64


def test_a_volume_of_the_image_that_climbs_stays_inside() -> None:
    assert resolve(Config(volumes={"/../../etc": {}}))[0].destination == "/etc"


def test_mounts(tmp_path: Path) -> None:
    source = str(tmp_path)
    points = resolve(
        host=HostConfig(
            mounts=[
                MountRequest(type="bind", source=source, target="/a", read_only=True),
                MountRequest(
                    type="bind", source=source, target="/b", bind_options=BindOptions(non_recursive=True)
                ),
                MountRequest(type="volume", source="vol", target="/c"),
                MountRequest(
                    type="volume", source="vol", target="/d", volume_options=VolumeOptions(no_copy=True)
                ),
                MountRequest(
                    type="tmpfs", target="/e", tmpfs_options=TmpfsOptions(size_bytes=1024, mode=0o1777)
                ),
            ]
        )
    )
    assert points == [
        MountPoint("bind", source, "/a", writable=False, propagation="rprivate"),
        MountPoint("bind", source, "/b", propagation="rprivate", recursive=False, recursive_readonly=False),
        MountPoint("volume", "vol", "/c", mode="z", copy_up=True, driver="local"),
        MountPoint("volume", "vol", "/d", mode="z", driver="local"),
        MountPoint(
            "tmpfs",
            "",
            "/e",
            options=["noexec", "nosuid", "nodev", "rprivate", "size=1024", "mode=1777"],
        ),
    ]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            MountRequest(type="bogus", target="/x"),
            'invalid mount config for type "bogus": mount type unknown',
        ),
        (
            MountRequest(type="bind", source="/nonono", target="/x"),
            'invalid mount config for type "bind": bind source path does not exist: /nonono',
        ),
        (
            MountRequest(type="bind", source="/tmp"),
            'invalid mount config for type "bind": field Target must not be empty',
        ),
        (
            MountRequest(type="bind", target="/x"),
            'invalid mount config for type "bind": field Source must not be empty',
        ),
        (
            MountRequest(type="tmpfs", source="/a", target="/x"),
            'invalid mount config for type "tmpfs": field Source must not be specified',
        ),
        (
            MountRequest(type="tmpfs", target="/x", bind_options=BindOptions()),
            'invalid mount config for type "tmpfs": field BindOptions must not be specified',
        ),
        (
            MountRequest(type="volume", source="a/b", target="x"),
            "invalid mount config for type \"volume\": invalid mount path: 'x' mount path must be absolute",
        ),
        (
            MountRequest(type="image", target="/x"),
            'invalid mount config for type "image": field Source must not be empty',
        ),
        (
            MountRequest(
                type="image", source="i", target="/x", image_options=ImageOptions(subpath="a/../../b")
            ),
            'invalid mount config for type "image": subpath must be a relative path within the volume',
        ),
        (
            MountRequest(type="volume", source="v", target="/x", volume_options=VolumeOptions(subpath="/a")),
            'invalid mount config for type "volume": subpath must be a relative path within the volume',
        ),
        (
            MountRequest(type="volume", target="/x", volume_options=VolumeOptions(subpath="a")),
            'invalid mount config for type "volume": must not set Subpath when using anonymous volumes',
        ),
        (
            MountRequest(type="volume", target="/x", read_only=True),
            'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
        ),
    ],
)
def test_mounts_that_are_wrong(request_: MountRequest, message: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        resolve(host=HostConfig(mounts=[request_]))
    assert str(error.value) == message


def test_a_part_of_a_volume_with_a_driver() -> None:
    options = VolumeOptions(
        subpath="a/b", labels={"x": "y"}, driver_config=DriverConfig(name="d", options={"o": "p"})
    )
    request = MountRequest(type="volume", source="vol", target="/x", volume_options=options)
    (point,) = resolve(host=HostConfig(mounts=[request]))
    assert (point.subpath, point.labels, point.driver) == ("a/b", {"x": "y"}, "d")
    assert point.driver_options == {"o": "p"}


def test_an_image_is_read_only() -> None:
    request = MountRequest(type="image", source="i", target="/x", image_options=ImageOptions(subpath="s"))
    expected = MountPoint("image", "i", "/x", writable=False, subpath="s")
    assert resolve(host=HostConfig(mounts=[request])) == [expected]


def test_volumes_have_the_driver_that_was_named() -> None:
    host = HostConfig(volume_driver="nfs", binds=["vol:/a"])
    points = resolve(Config(volumes={"/b": {}}), host)
    assert [point.driver for point in points] == ["nfs", "nfs"]


def test_what_is_named_replaces_what_is_borrowed() -> None:
    borrowed = [MountPoint("bind", "/other", "/a"), MountPoint("bind", "/other", "/b")]
    config = Config(volumes={"/b": {}})
    points = mounts.resolve(config, HostConfig(binds=["/own:/a"]), borrowed, recursive_readonly=True)
    assert [(point.source, point.destination) for point in points] == [("/own", "/a"), ("/other", "/b")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["noexec", "nosuid", "nodev", "rprivate"]),
        ("exec,size=1m", ["nosuid", "nodev", "rprivate", "exec", "size=1m"]),
        ("ro,mode=700", ["noexec", "nosuid", "nodev", "rprivate", "ro", "mode=700"]),
    ],
)
def test_tmpfs(options: str, expected: list[str]) -> None:
    (point,) = resolve(host=HostConfig(tmpfs={"/run": options}))
    assert point.options == expected
    assert point.writable is ("ro" not in expected)


@pytest.mark.parametrize("options", ["bogus", "size=", "size=x", "size=" + "1" * 30, "upperdir=/etc", "a,,b"])
def test_tmpfs_options_that_are_wrong(options: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid tmpfs option"):
        resolve(host=HostConfig(tmpfs={"/run": options}))
