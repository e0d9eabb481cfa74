"""Our reader against what Python's tarfile and GNU tar write, and against what nobody should."""

import contextlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import InvalidArgument
from sampan.storage.buffer import Buffer, Truncated
from sampan.storage.tar import Entry, Limits, TarReader

DEFAULT = Limits()
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def read(data: bytes, piece: int = 1 << 20, limits: Limits = DEFAULT) -> list[tuple[Entry, bytes]]:
    chunks = (data[start : start + piece] for start in range(0, len(data), piece))
    reader = TarReader(Buffer(chunks), limits)
    return [(entry, b"".join(bytes(part) for part in reader.data())) for entry in reader]


def write(form: int, *infos: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for info, data in infos:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def info(name: str, **fields: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(found, field, value)
    return found


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("piece", [1, 7, 512, 1 << 20])
def test_reads_what_tarfile_writes(form: int, piece: int) -> None:
    data = write(
        form,
        (info("a/file", mode=0o4751, uid=1000, gid=2000, mtime=12345), b"content" * 100),
        (info("dir", type=tarfile.DIRTYPE), b""),
        (info("link", type=tarfile.SYMTYPE, linkname="../x"), b""),
        (info("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b""),
        (info("p" * 90 + "/" + "n" * 90), b"x"),
    )
    (first, content), directory, link, null, (last, _) = read(data, piece)
    assert (first.name, first.type, first.mode, first.uid, first.gid) == (b"a/file", b"0", 0o4751, 1000, 2000)
    assert (first.mtime, first.size, content) == (12345 * 10**9, 700, b"content" * 100)
    assert (directory[0].name, directory[0].type) == (b"dir/", b"5")
    assert (link[0].type, link[0].link) == (b"2", b"../x")
    assert (null[0].type, null[0].device) == (b"3", (1, 3))
    assert last.name == b"p" * 90 + b"/" + b"n" * 90


@pytest.mark.parametrize("form", ["gnu", "pax"])
@given(
    name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300),
    uid=st.integers(0, (1 << 32) - 2),
    size=st.integers(0, 2000),
)
def test_any_name_and_owner(form: str, name: str, uid: int, size: int) -> None:
    name = "x" + name.strip("/")
    [(entry, data)] = read(write(FORMATS[form], (info(name, uid=uid), b"d" * size)))
    assert (entry.name.decode(), entry.uid, data) == (name, uid, b"d" * size)


@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidArgument):
        read(data)


@given(st.data())
def test_any_damage_is_read_or_refused(data: st.DataObject) -> None:
    good = bytearray(write(tarfile.PAX_FORMAT, (info("é" * 80, mtime=1.5), b"abc"), (info("b"), b"x" * 600)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidArgument):
        read(bytes(good))


@pytest.mark.parametrize("length", [100, 512 + 100, 511])
def test_truncated(length: int) -> None:
    with pytest.raises(Truncated):
        read(write(tarfile.USTAR_FORMAT, (info("a"), b"x" * 1000))[:length])


def test_ends_without_a_trailer() -> None:
    assert len(read(write(tarfile.USTAR_FORMAT, (info("a"), b"x" * 512))[:1024])) == 1


def test_limits() -> None:
    data = write(tarfile.PAX_FORMAT, *((info(str(n)), b"") for n in range(5)))
    with pytest.raises(InvalidArgument, match="more than 4 entries"):
        read(data, limits=Limits(entries=4))
    with pytest.raises(InvalidArgument, match="too long"):
        read(write(tarfile.GNU_FORMAT, (info("n" * 2000), b"")), limits=Limits(header=1000))


def test_pax_wins_over_the_header_and_the_long_name() -> None:
    data = write(tarfile.PAX_FORMAT, (info("header", pax_headers={"path": "pax"}), b""))
    assert read(data)[0][0].name == b"pax"


def test_prefix_in_a_gnu_header_is_go_before_1_8() -> None:
    """moby's TestUntarUstarGnuConflict."""
    header = bytearray(write(tarfile.USTAR_FORMAT, (info("name"), b""))[:512])
    header[257:265] = b"ustar  \0"
    header[345:350] = b"a/b/c"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert read(bytes(header) + bytes(1024))[0][0].name == b"a/b/c/name"


@pytest.mark.skipif(not shutil.which("tar"), reason="needs GNU tar")
@pytest.mark.parametrize("form", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files_of_gnu_tar(tmp_path: Path, form: str) -> None:
    with open(tmp_path / "s", "wb") as file:
        for offset in range(0, 30 << 16, 1 << 16):
            file.seek(offset)
            file.write(b"%d" % offset)
        file.truncate(40 << 16)
    options = ["--format=gnu"] if form == "gnu" else ["--format=pax", f"--sparse-version={form}"]
    data = subprocess.run(
        ["tar", "-cS", *options, "-C", str(tmp_path), "s"], capture_output=True, check=True
    ).stdout
    [(entry, stored)] = read(data)
    assert (entry.name, entry.size) == (b"s", 40 << 16)
    whole, position = bytearray(entry.size), 0
    for offset, length in entry.holes or []:
        whole[offset : offset + length] = stored[position : position + length]
        position += length
    assert bytes(whole) == (tmp_path / "s").read_bytes()
    assert len(stored) < entry.size / 2
