"""Layers that try to get out, or in where they must not: each by pull, load and import.

After containerd's TestBreakouts, moby's TestUntarInvalid* and TestApplyLayerInvalid*, and the attacks on
Python's tarfile filters of 2025. A case is either refused, with the store as before, or contained: what it
names lies in the layer. In both, nothing outside has changed.
"""

import os
import stat
import struct
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest
import tars
from tars import directory, entry, file, hard_link, patched, symlink

from sampan.errors import InvalidArgument

pytestmark = pytest.mark.root

UP = "../" * 12
OUT = "@OUT@"  # replaced by a directory outside of the store, absolute
WAYS = ("import", "load", "pull")
Kinds = dict[
    str, str | None
]  # path in the layer: its kind ("file", "dir", "link", …), content after ":", or None


class Case(NamedTuple):
    name: str
    members: list[bytes]
    inside: Kinds | None = None  # None: refused


LONG = "d" * 200


def _deep(levels: int) -> str:
    return "/".join(["d"] * levels)


REFUSED = [
    Case("parent name", [file("../evil")]),
    Case("parent name, deep", [file(UP + "tmp/evil")]),
    Case("parent in the middle", [directory("a"), file("a/../../evil")]),
    Case("parent in the middle, inside", [directory("a"), file("a/../b")]),
    Case("parent at the end", [directory("a/..")]),
    Case("only parent", [directory("..")]),
    Case("parent with dots", [file("./../evil")]),
    Case("absolute name", [file("/etc/evil")]),
    Case("absolute name outside", [file(f"{OUT}/canary")]),
    Case("absolute name, two slashes", [file("//etc/evil")]),
    Case("absolute directory", [directory(f"{OUT}/sub")]),
    Case("absolute in pax header", [file("ok", pax={"path": "/etc/evil"})]),
    Case("parent in pax header", [file("ok", pax={"path": "../evil"})]),
    Case(
        "parent in a GNU long name",
        [entry("././@LongLink", b"L", data=b"../" + b"x" * 150 + b"\0"), file("ok")],
    ),
    Case("symlink absolute, then through it", [symlink("l", OUT), file("l/canary")]),
    Case("symlink up, then through it", [symlink("l", UP + OUT[1:]), file("l/canary")]),
    Case("symlink up and out", [symlink("l", "../"), file("l/evil")]),
    Case("symlink to the root of the machine", [symlink("l", "/"), file("l/tmp/evil")]),
    Case("symlinks, absolute, several", [symlink("a", OUT), symlink("b", "a"), file("b/canary")]),
    Case("symlinks, relative, several", [symlink("a", ".."), symlink("b", "a/.."), file("b/evil")]),
    Case(
        "symlink to an absolute place that exists inside",
        [directory("etc"), symlink("l", "/etc"), file("l/x")],
    ),
    Case("symlink loop", [symlink("a", "b"), symlink("b", "a"), file("a/x")]),
    Case("symlink to itself", [symlink("a", "a"), file("a/x")]),
    Case("symlink through proc", [symlink("l", "/proc/self/root"), file("l/tmp/evil")]),
    Case("symlink to a descriptor", [symlink("l", "/proc/self/fd/3"), file("l/x")]),
    Case("symlink that is empty", [entry("l", tarfile.SYMTYPE, "")]),
    Case("symlink, slash at the end, through it", [symlink("l/", OUT), file("l/canary")]),
    Case(
        "long realpath", [directory(LONG), symlink("a", LONG), symlink("b", f"a/../../{UP}"), file("b/evil")]
    ),
    Case("directory below a link out", [symlink("l", OUT), directory("l/sub")]),
    Case("node below a link out", [symlink("l", OUT), entry("l/fifo", tarfile.FIFOTYPE)]),
    Case("link below a link out", [symlink("l", OUT), symlink("l/m", "x")]),
    Case("whiteout below a link out", [symlink("l", OUT), file("l/.wh.canary")]),
    Case("opaque below a link out", [symlink("l", OUT), file("l/.wh..wh..opq")]),
    Case("hard link up and out", [hard_link("h", UP + OUT[1:] + "/canary")]),
    Case("hard link up and out, relative", [directory("a"), hard_link("a/h", "../../canary")]),
    Case("hard link absolute to nothing", [hard_link("h", "/etc/passwd")]),
    Case("hard link to what comes later", [hard_link("h", "later"), file("later")]),
    Case("hard link through a link out", [symlink("l", OUT), hard_link("h", "l/canary")]),
    Case("hard link into a link out", [file("f"), symlink("l", OUT), hard_link("l/h", "f")]),
    Case("hard link to a directory", [directory("d"), hard_link("h", "d")]),
    Case("hard link to nothing at all", [hard_link("h", "")]),
    Case("hard link to the root", [hard_link("h", ".")]),
    Case("hard link to a whiteout", [file(".wh.x"), hard_link("h", "x")]),
    Case("hard link to a whiteout's name", [file(".wh.x"), hard_link("h", ".wh.x")]),
    Case("file where a directory must be", [file("a"), file("a/b")]),
    Case("root as a file", [file(".")]),
    Case("root as a symlink", [symlink(".", OUT)]),
    Case("root as a hard link", [file("f"), hard_link(".", "f")]),
    Case("root as a device", [entry("./", tarfile.CHRTYPE, devmajor=1, devminor=3)]),
    Case("no name", [file("")]),
    Case("name longer than a name may be", [file("n" * 256)]),
    Case("path longer than a path may be", [file("/".join(["p" * 200] * 21))]),
    Case("too deep", [directory(_deep(300))]),
    Case("NUL in a pax name", [file("ok", pax={"path": "a\0b"})]),
    Case("whiteout of itself", [file(".wh..")]),
    Case("whiteout of the parent", [directory("a"), file("a/.wh...")]),
    Case("whiteout of nothing", [file(".wh.")]),
    Case("whiteout of a whiteout", [file(".wh..wh.x")]),
    Case("whiteout as a directory with content", [directory(".wh.x"), file(".wh.x/y")]),
    Case("device 0:0", [entry("w", tarfile.CHRTYPE)]),
    Case("unknown type", [entry("v", b"V")]),
    Case("multi-volume", [entry("m", b"M")]),
    Case("uid -1", [patched(file("f"), 108, b"\x80" + b"\0" * 3 + b"\xff" * 4)]),
    Case("gid -1", [patched(file("f"), 116, b"\x80" + b"\0" * 3 + b"\xff" * 4)]),
    Case("uid negative", [patched(file("f"), 108, b"\xff" * 8)]),
    Case("uid in pax, too large", [file("f", pax={"uid": str(1 << 32)})]),
    Case("size negative", [patched(file("f"), 124, b"\xff" * 12)]),
    Case("size beyond the archive", [patched(file("f"), 124, b"77777777777\0")]),
    Case("size in pax, 8 EiB", [file("f", pax={"size": str((1 << 63) - 1)})]),
    Case("wrong checksum", [file("f")[:148] + b"000000\0 " + file("f")[156:]]),
    Case("pax header of a gigabyte", [patched(entry("x", b"x"), 124, b"10000000000\0")]),
    Case("pax record that lies about its length", [entry("x", b"x", data=b"99 path=a\n"), file("f")]),
    Case("pax record without a value", [entry("x", b"x", data=b"7 path\n"), file("f")]),
    Case("pax offset that is negative", [entry("x", b"x", data=b"-5 path=a\n"), file("f")]),
    Case("sparse map beyond the file", [file("f", pax={"GNU.sparse.map": "9,3", "GNU.sparse.size": "4"})]),
    Case("sparse map that overlaps", [file("f", pax={"GNU.sparse.map": "1,2,0,1", "GNU.sparse.size": "9"})]),
    Case(
        "sparse map in the data, endless",
        [
            file(
                "f",
                b"9999999\n" + b"1\n" * 252,
                pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"},
            )
        ],
    ),
    Case("cut off in the middle", [file("f", b"x" * 4096)[:2048]]),
]

CONTAINED = [
    Case("plain", [directory("a"), file("a/f")], {"a/f": "file:new"}),
    Case("dots and slashes", [file("./a//b/./c")], {"a/b/c": "file:new"}),
    Case("slash at the end of a file", [file("f/", type=tarfile.REGTYPE)], {"f": "file:new"}),
    Case("root entry", [directory("./", mode=0o700), file("f")], {"f": "file"}),
    Case("symlink that only points out", [symlink("l", OUT)], {"l": f"link:{OUT}"}),
    Case("symlink that only points up", [symlink("l", UP + "etc")], {"l": f"link:{UP}etc"}),
    Case(
        "symlink replaced by a directory",
        [symlink("l", OUT), directory("l"), file("l/canary")],
        {"l": "dir", "l/canary": "file:new"},
    ),
    Case("symlink replaced by a file", [symlink("l", f"{OUT}/canary"), file("l")], {"l": "file:new"}),
    Case(
        "symlink replaced by a hard link",
        [file("f"), symlink("l", f"{OUT}/canary"), hard_link("l", "f")],
        {"l": "file:new"},
    ),
    Case("directory replaced by a symlink", [file("d/x"), symlink("d", "e")], {"d": "link:e"}),
    Case("directory replaced by a file", [file("d/x"), file("d/y/z"), file("d")], {"d": "file:new"}),
    Case(
        "directory replaced, then again",
        [file("d/x"), file("d"), file("e"), directory("d"), file("d/y")],
        {"d/x": None, "d/y": "file"},
    ),
    Case("file twice", [file("f", b"old"), file("f")], {"f": "file:new"}),
    Case(
        "hard link, then replaced",
        [file("a", b"old"), hard_link("b", "a"), file("b")],
        {"a": "file:old", "b": "file:new"},
    ),
    Case("hard link to itself", [file("a"), hard_link("a", "a")], {"a": "file:new"}),
    Case("hard link, absolute name, inside", [file("a"), hard_link("b", "/a")], {"b": "file:new"}),
    Case(
        "hard link to a symlink, then chmod",
        [symlink("l", f"{OUT}/canary"), hard_link("h", "l", mode=0o4777)],
        {"h": f"link:{OUT}/canary"},
    ),
    Case(
        "setuid by a hard link to a symlink",
        [symlink("l", f"{OUT}/canary"), hard_link("h", "l", uid=1234)],
        {"h": "link"},
    ),
    Case(
        "parent is a link that stays inside",
        [directory("usr/lib"), symlink("lib", "usr/lib"), file("lib/x")],
        {"usr/lib/x": "file:new", "lib": "link:usr/lib"},
    ),
    Case("whiteout", [file("d/.wh.gone")], {"d/gone": "whiteout", "d/.wh.gone": None}),
    Case("whiteout beside the file itself", [file("f"), file(".wh.f")], {"f": "file:new"}),
    Case("whiteout before the file itself", [file(".wh.f"), file("f")], {"f": "file:new"}),
    Case(
        "whiteout beside the directory itself", [file("d/x"), file(".wh.d")], {"d": "opaque", "d/x": "file"}
    ),
    Case(
        "whiteout before the directory itself",
        [file(".wh.d"), directory("d"), file("d/x")],
        {"d": "opaque", "d/x": "file"},
    ),
    Case("whiteout before a directory that is left out", [file(".wh.d"), file("d/x")], {"d": "opaque"}),
    Case("whiteout as a directory", [directory(".wh.d")], {"d": "whiteout"}),
    Case("whiteout as a symlink", [symlink(".wh.d", OUT)], {"d": "whiteout"}),
    Case(
        "whiteout as a device", [entry(".wh.d", tarfile.CHRTYPE, devmajor=1, devminor=3)], {"d": "whiteout"}
    ),
    Case("opaque first", [file("d/.wh..wh..opq"), file("d/x")], {"d": "opaque", "d/x": "file"}),
    Case("opaque last", [file("d/x"), file("d/.wh..wh..opq")], {"d": "opaque", "d/x": "file"}),
    Case("opaque root", [file(".wh..wh..opq"), file("x")], {"x": "file"}),
    Case(
        "aufs book-keeping",
        [directory(".wh..wh.plnk"), file(".wh..wh.aufs"), file(".wh..wh.plnk/1.2")],
        {".wh..wh.aufs": None, ".wh..wh.plnk": None},
    ),
    Case(
        "overlay's own attributes",
        [
            file(
                "f",
                pax={
                    f"SCHILY.xattr.{space}.overlay.{name}": "/../../other"
                    for space in ("trusted", "user")
                    for name in ("redirect", "opaque", "metacopy", "origin")
                },
            )
        ],
        {"f": "no xattrs"},
    ),
    Case("an attribute that may be kept", [file("f", pax={"SCHILY.xattr.user.x": "y"})], {"f": "file:new"}),
    Case(
        "devices",
        [
            entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
            entry("sda", tarfile.BLKTYPE, devmajor=8, devminor=0),
        ],
        {"null": "char", "sda": "block"},
    ),
    Case("fifo", [entry("p", tarfile.FIFOTYPE)], {"p": "fifo"}),
    Case("mode with bits that no file has", [patched(file("f"), 100, b"7777777\0")], {"f": "file"}),
    Case(
        "largest id", [file("f", pax={"uid": str((1 << 32) - 2), "gid": str((1 << 32) - 2)})], {"f": "file"}
    ),
    Case("mtime of the year 10^9", [file("f", pax={"mtime": "31556889864403199"})], {"f": "file"}),
    Case("mtime that is no number", [file("f", pax={"mtime": "1e400"})], {"f": "file"}),
    Case("mtime negative", [patched(file("f"), 136, b"\xff" * 12)], {"f": "file"}),
    Case("bytes that are no UTF-8", [file("\udcff\udcfe")], {"\udcff\udcfe": "file"}),
    Case("newline in a name", [file("a\nb")], {"a\nb": "file"}),
    Case("the longest name", [file("n" * 255)], {"n" * 255: "file"}),
    Case("deep", [file(_deep(250) + "/f")], {_deep(250) + "/f": "file"}),
    Case(
        "global pax header",
        [entry("g", b"g", data=b"13 path=evil\n"), file("f")],
        {"f": "file", "evil": None},
    ),
    Case("empty", [], {}),
    Case("upper and lower case", [file("A", b"1"), file("a", b"2")], {"A": "file:1", "a": "file:2"}),
    Case(
        "sparse, old GNU",
        [
            patched(
                patched(
                    patched(entry("s", b"S", data=b"data" + bytes(508)), 124, b"00000000004\0"),
                    257,
                    b"ustar  \0",
                ),
                345,
                bytes(41) + b"%011o\0%011o\0" % (4096, 4) + bytes(72) + b"\0" + b"%011o\0" % 8192,
            )
        ],
        {"s": "size:8192"},
    ),
    Case(
        "sparse, pax 0.1",
        [file("s", b"data", pax={"GNU.sparse.size": "8192", "GNU.sparse.map": "4096,4"})],
        {"s": "size:8192"},
    ),
    Case(
        "sparse, pax 1.0",
        [
            file(
                "x",
                b"1\n4096\n4\n".ljust(512, b"\0") + b"data",
                pax={
                    "GNU.sparse.major": "1",
                    "GNU.sparse.minor": "0",
                    "GNU.sparse.name": "s",
                    "GNU.sparse.realsize": "8192",
                },
            )
        ],
        {"s": "size:8192", "x": None},
    ),
]


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("outside")
    (path / "canary").write_bytes(b"canary")
    (path / "canary").chmod(0o640)
    os.setxattr(path / "canary", "user.canary", b"alive")
    return path


def fingerprint(outside: Path) -> tuple[object, ...]:
    canary = outside / "canary"
    status = canary.stat()
    kept = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_nlink, status.st_ino)
    return (
        sorted(os.listdir(outside)),
        canary.read_bytes(),
        kept,
        os.listxattr(canary),
        os.listxattr(outside),
    )


def layer_of(case: Case, outside: Path) -> bytes:
    """The tar with the place outside filled in; headers whose text changed get their checksums again."""
    filled = []
    for member in case.members:
        if OUT.encode() in member[:512]:
            place = str(outside).encode()
            text = member[:257].replace(OUT.encode(), place)
            # Name and link are fields of 100 bytes each: what was pushed to the right is cut out of the
            # padding.
            name, link = member[:100], member[157:257]
            name = name.replace(OUT.encode(), place)[:100]
            link = link.replace(OUT.encode(), place)[:100]
            assert len(text) >= 257
            filled.append(patched(patched(member, 0, name), 157, link))
        else:
            filled.append(member)
    return tars.tarball(*filled)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refused(world, outside, case: Case, way: str) -> None:
    before = fingerprint(outside)
    with pytest.raises(InvalidArgument):
        world.bring(way, layer_of(case, outside))
    assert fingerprint(outside) == before
    assert not os.path.exists("/tmp/evil")
    assert not os.path.exists("/etc/evil")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CONTAINED, ids=lambda case: case.name)
def test_contained(world, outside, case: Case, way: str) -> None:
    before = fingerprint(outside)
    image_id = world.bring(way, layer_of(case, outside))
    try:
        number = world.images.records.get(image_id).layers[0].number
        root = world.images.store.layer_path(number)
        for path, kind in (case.inside or {}).items():
            check(os.path.join(root, path), kind and kind.replace(OUT, str(outside)))
    finally:
        world.drop(image_id)
    assert fingerprint(outside) == before


def check(path: str, kind: str | None) -> None:
    if kind is None:
        assert not os.path.lexists(path)
        return
    status = os.lstat(path)
    kind, _, content = kind.partition(":")
    if kind in ("file", "no xattrs", "size"):
        assert stat.S_ISREG(status.st_mode)
        if kind == "no xattrs":
            assert os.listxattr(path) == []
        elif kind == "size":
            assert Path(path).read_bytes() == bytes(4096) + b"data" + bytes(int(content) - 4100)
            assert status.st_blocks * 512 < int(content)
        elif content:
            assert Path(path).read_text() == content
    elif kind == "link":
        assert not content or os.readlink(path) == content
    elif kind == "whiteout":
        assert stat.S_ISCHR(status.st_mode)
        assert status.st_rdev == 0
    else:
        assert KINDS[kind](status.st_mode)
    opaque = "trusted.overlay.opaque" in os.listxattr(path, follow_symlinks=False)
    assert opaque == (kind == "opaque")


KINDS = {
    "dir": stat.S_ISDIR,
    "opaque": stat.S_ISDIR,
    "char": stat.S_ISCHR,
    "block": stat.S_ISBLK,
    "fifo": stat.S_ISFIFO,
}


def test_dressed_like_tar_would(world) -> None:
    """Owner, mode with setuid, capabilities and times arrive, setuid after the owner was set."""
    capability = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0).decode("latin-1")
    layer = tars.tarball(
        directory("d", mode=0o2775, uid=7, gid=8, mtime=1000),
        file("d/su", mode=0o4755, uid=5, gid=6, pax={"mtime": "1234567.123456789"}),
        file("d/cap", pax={"SCHILY.xattr.security.capability": capability}),
        symlink("d/l", "su", uid=9, gid=9, mtime=2000),
    )
    image_id = world.import_(layer)
    try:
        root = world.images.store.layer_path(world.images.records.get(image_id).layers[0].number)
        su, inside, link = (os.lstat(os.path.join(root, name)) for name in ("d/su", "d", "d/l"))
        assert (su.st_mode & 0o7777, su.st_uid, su.st_gid, su.st_mtime_ns) == (0o4755, 5, 6, 1234567123456789)
        assert (inside.st_mode & 0o7777, inside.st_uid, inside.st_mtime) == (0o2775, 7, 1000)
        assert (link.st_uid, link.st_mtime) == (9, 2000)
        assert os.getxattr(os.path.join(root, "d/cap"), "security.capability")[:4] == b"\1\0\0\2"
    finally:
        world.drop(image_id)
