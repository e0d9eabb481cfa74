"""A tree, its tar, and the tree again."""

import hashlib
import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from sampan.storage.buffer import Buffer
from sampan.storage.extract import extract
from sampan.storage.pack import LAYER, Rules, pack_path
from sampan.storage.tar import Limits
from sampan.storage.tarwriter import Header, encode

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: devices, trusted attributes")


def packed(path: Path, rules: Rules = LAYER) -> bytes:
    return b"".join(pack_path(str(path), rules))


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive.getmembers()}


def fill(tree: Path) -> None:
    (tree / "d").mkdir(mode=0o750, parents=True)
    (tree / "d" / "file").write_bytes(b"x" * 700)
    (tree / "empty").write_bytes(b"")
    (tree / "link").symlink_to("d/file")
    os.link(tree / "d" / "file", tree / "twin")
    (tree / ("n" * 150)).write_text("long name")
    (tree / "ü\n").write_text("odd name")
    os.mkfifo(tree / "fifo")


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    fill(tmp_path / "t")
    found = members(packed(tmp_path / "t"))
    assert sorted(found.keys() - {"."}) == sorted(
        ["d", "d/file", "empty", "fifo", "link", "n" * 150, "twin", "ü\n"]
    )
    assert (found["d"].mode, found["d/file"].size) == (0o750, 700)
    assert (found["twin"].type, found["twin"].linkname) == (tarfile.LNKTYPE, "d/file")
    assert (found["link"].linkname, found["fifo"].type) == ("d/file", tarfile.FIFOTYPE)


@root_only
def test_the_same_bytes_from_the_copy(tmp_path: Path) -> None:
    """Unpacked as a layer and packed again it has the same diff id."""
    fill(tmp_path / "t")
    os.mknod(tmp_path / "t" / "gone", stat.S_IFCHR, 0)
    os.setxattr(tmp_path / "t" / "d", "trusted.overlay.opaque", b"y")
    os.setxattr(tmp_path / "t" / "empty", "user.mine", b"\0\xff")
    first = packed(tmp_path / "t")
    assert {".wh.gone", "d/.wh..wh..opq"} <= set(members(first))
    (tmp_path / "u").mkdir()
    extract(Buffer(iter([first])), str(tmp_path / "u"), Limits())
    again = packed(tmp_path / "u")
    assert hashlib.sha256(again).hexdigest() == hashlib.sha256(first).hexdigest()
    assert os.getxattr(tmp_path / "u" / "d", "trusted.overlay.opaque") == b"y"


def test_deeper_than_a_path_can_be(tmp_path: Path) -> None:
    depth = 300
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 20, dir_fd=fd)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    assert max(len(name) for name in members(packed(tmp_path))) == depth * 21 - 1


def test_sockets_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir(mode=0o755)
    os.mknod(tmp_path / "t" / "socket", stat.S_IFSOCK | 0o600)
    assert "socket" not in members(packed(tmp_path / "t"))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1 << 20, (1 << 20) + 1])
def test_padding(tmp_path: Path, size: int) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_bytes(b"a" * size)
    data = packed(tmp_path)
    root = 0 if os.geteuid() == 0 else 512  # somebody else's root directory is written down
    assert len(data) == root + 512 + size + -size % 512 + 1024
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.extractfile("f").read() == b"a" * size  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "header",
    [
        Header(b"a" * 101, b"0"),
        Header(b"f", b"0", uid=0o7777777, gid=0o10000000),
        Header(b"f", b"0", size=(1 << 33) + 5),
        Header(b"f", b"2", link=b"l" * 300),
        Header(b"f", b"0", mtime=1 << 34),
        Header(b"f", b"0", xattrs=((b"user.a", b"1=\n2"),)),
        Header(b"f", b"3", device=(8, 1)),
    ],
    ids=lambda header: repr(header)[:40],
)
def test_extremes_are_read_by_another_reader(header: Header) -> None:
    with tarfile.open(fileobj=io.BytesIO(encode(header) + bytes(1024)), mode="r|") as archive:
        member = archive.next()
    assert member is not None
    assert member.name.encode() == header.name
    assert (member.uid, member.gid, member.size) == (header.uid, header.gid, header.size)
    assert (member.linkname.encode(), int(member.mtime)) == (header.link, header.mtime)
    assert (member.devmajor, member.devminor) == header.device
    for key, value in header.xattrs:
        assert member.pax_headers["SCHILY.xattr." + key.decode()] == value.decode()
