"""An image in which everything that somebody could load or run by its usual path says so: K1, B2
(CVE-2019-14271), B3 (CVE-2026-41567), B10 (CVE-2022-1227).

Each of Python's modules, of NSS's, gconv's and the loader's libraries, and each helper that an engine might
call, leaves a line in /marked. All verbs run over it, and their errors. (No control: B2 is of Docker 19.03,
B3 of Docker 23 and later; 20.10 unpacks outside of the container.)
"""

import bz2
import gzip
import io
import lzma
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.archives import put
from harness.attacks import BUSYBOX
from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import fresh
from harness.probes import library
from harness.waiting import until

_HELPERS = (
    *("xz", "unxz", "xzcat", "gzip", "gunzip", "unpigz", "pigz", "igzip", "bzip2", "zstd", "unzstd", "tar"),
    *(
        "git",
        "ps",
        "nsenter",
        "ip",
        "iptables",
        "nft",
        "mount",
        "umount",
        "ldconfig",
        "gcc",
        "cc",
        "modprobe",
    ),
    *("fuse-overlayfs", "mkfs.ext4", "newuidmap", "python3", "python3.11", "python"),
)
_MODULES = (
    *("sitecustomize", "usercustomize", "encodings/__init__", "encodings/idna", "linecache", "traceback"),
    *("codecs", "os", "pwd", "grp", "json/__init__", "tarfile", "stringprep", "_strptime", "sampan/__init__"),
)
_LIBRARIES = (
    *(
        "libnss_files.so.2",
        "libnss_dns.so.2",
        "libnss_evil.so.2",
        "libnss_compat.so.2",
        "libnss_systemd.so.2",
    ),
    *(
        "libc.so.6",
        "libpthread.so.0",
        "libseccomp.so.2",
        "libgcc_s.so.1",
        "gconv/UTF-16.so",
        "gconv/IBM037.so",
    ),
)
_ETC = {
    "etc/nsswitch.conf": "passwd: evil files\ngroup: evil files\nhosts: evil\n",
    "etc/ld.so.preload": "/usr/lib/libnss_evil.so.2\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n",
    "etc/group": "root:x:0:\nada:x:1000:\n",
}


def _python_paths() -> list[str]:
    """Where the engine's interpreter looks for modules."""
    paths = [*sys.path, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    return sorted({os.path.realpath(path).lstrip("/") for path in paths if os.path.isabs(path)})


def _entries() -> Iterator[tuple[str, bytes, int]]:
    for name in _HELPERS:
        for place in ("bin", "usr/bin", "usr/sbin", "usr/local/sbin", "sbin"):
            yield f"{place}/{name}", b'#!/bin/sh\necho "helper $0" >> /marked\n', 0o755
    shared = Path(library("marker")).read_bytes()
    triplet = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    for place in ("usr/lib", f"usr/lib/{triplet}", "lib64"):
        for name in _LIBRARIES:
            yield f"{place}/{name}", shared, 0o755
    for path in _python_paths():
        for name in _MODULES:
            yield f"{path}/{name}.py", b"open('/marked', 'a').write(__file__ + '\\n')\n", 0o644
        yield f"{path}/evil.pth", b"import os; open('/marked', 'a').write('pth\\n')\n", 0o644
    for name, text in _ETC.items():
        yield name, text.encode(), 0o644


def _poison() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(BUSYBOX, "busybox")
        for name in ("bin/sh", "bin/sleep", "bin/cat", "bin/true", "bin/mkdir", "bin/ls"):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/busybox"
            archive.addfile(member)
        for name, data, mode in _entries():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def poison() -> bytes:
    return _poison()


@pytest.fixture
def poisoned(sampan: Client, poison: bytes) -> Iterator[str]:
    name = fresh("poison")
    sampan("import", "--change", "CMD sleep 1000", "-", name, stdin=poison)
    yield name
    sampan("rmi", "-f", name)


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("came"), io.BytesIO())
    return buffer.getvalue()


def _packings() -> dict[str, bytes]:
    plain = _archive()
    packed = {"gz": gzip.compress(plain), "bz2": bz2.compress(plain), "xz": lzma.compress(plain)}
    if shutil.which("zstd"):
        packed["zst"] = subprocess.run(["zstd", "-c"], input=plain, capture_output=True, check=True).stdout
    return packed


_VERBS = """
exec NAME true
exec -u ada NAME true
exec -t NAME true
exec -u nobody NAME true
exec NAME nosuch
exec -w /no NAME true
top NAME
top NAME -o pid,user
stats --no-stream NAME
diff NAME
logs NAME
cp PLACE NAME:/came
cp NAME:/etc PLACE/out
cp NAME:/no -
export -o PLACE/export.tar NAME
commit NAME IMAGE-2
pause NAME
unpause NAME
rename NAME NAMEx
rename NAMEx NAME
restart -t 0 NAME
run --rm -u ada IMAGE true
run --rm -u nobody IMAGE true
run --rm IMAGE /etc/passwd
run --rm --init -t IMAGE true
run --rm -w /etc/passwd IMAGE true
run --rm --hostname ä.example -e LANG=xx IMAGE true
rmi IMAGE-2
"""


def _run_all(cli: Client, daemon: Daemon, image: str, name: str, place: Path) -> None:
    """Every verb that touches a container's files, and what each says when it fails."""
    healthy = ["--health-cmd", "true", "--health-interval", "300ms"]
    cli("run", "-d", "--name", name, *healthy, "-v", "/etc", image)
    until(lambda: "healthy" in cli("ps", "--filter", f"name={name}", "--format", "{{.Status}}").out)
    filled = _VERBS.replace("NAME", name).replace("IMAGE", image).replace("PLACE", str(place))
    for line in filled.strip().splitlines():
        cli(*line.split(), check=False)
    for packed in _packings().values():
        assert put(daemon.host, name, "/", packed) == 200


def test_nothing_of_it_is_loaded_or_run(
    sampan: Client, daemon: Daemon, poisoned: str, tmp_path: Path
) -> None:
    name = fresh()
    (tmp_path / "file").write_text("x")
    try:
        _run_all(sampan, daemon, poisoned, name, tmp_path)
        marks = sampan("exec", name, "cat", "/marked", check=False)
        changed = sampan("diff", name).out
    finally:
        sampan("rm", "-f", "-v", name)
    assert "No such file" in marks.err, marks
    assert "/marked" not in changed
    assert not os.path.exists("/marked")


def test_neither_by_a_build(sampan: Client, poisoned: str, tmp_path: Path) -> None:
    for kind, packed in _packings().items():
        (tmp_path / f"a.tar.{kind}").write_bytes(packed)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {poisoned}\nWORKDIR /made/here\nADD a.tar.* /unpacked/\nCOPY --chown=ada a.tar.gz /copied\n"
        "USER ada\nRUN true\nUSER root\nRUN --mount=type=cache,target=/c true\nRUN test ! -e /marked\n"
    )
    image = fresh("built")
    try:
        sampan("build", "-q", "-t", image, str(tmp_path), timeout=180)
        assert "came" in sampan("run", "--rm", image, "ls", "/unpacked").out
        assert "No such file" in sampan("run", "--rm", image, "cat", "/marked", check=False).err
    finally:
        sampan("rmi", "-f", image, check=False)
        sampan("builder", "prune", "-af")
    assert not os.path.exists("/marked")


def test_the_poison_works(sampan: Client, poisoned: str) -> None:
    """Where the container itself runs it."""
    assert "helper" in sampan("run", "--rm", poisoned, "sh", "-c", "/usr/bin/xz; cat /marked").out
