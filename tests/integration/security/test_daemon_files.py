"""What the engine itself does on files that a container has made: B4 (CVE-2026-41568, CVE-2026-42306), B7
(CVE-2022-23648), B8 (CVE-2026-55686), B9, B11 (CVE-2015-3627), B14. The canary is on the machine.
"""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.archives import request
from harness.attacks import Canary, rounds, tree
from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import fresh
from harness.probes import probe

Image = Callable[..., str]


def _secret(canary: Canary) -> str:
    return (canary.path / "secret").read_text()


@pytest.fixture
def racing(tmp_path: Path, canary: Canary) -> Iterator[Path]:
    """A volume in which `a` is a directory at one moment and a link to the canary at the next."""
    volume = tmp_path / "volume"
    (volume / "a").mkdir(parents=True)
    (volume / "b").symlink_to(canary.path)
    words = [probe("exchange"), str(volume / "a"), str(volume / "b")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as racer:
        assert racer.stdout is not None
        assert racer.stdout.readline() == b"ready\n"
        yield volume
        racer.kill()


@pytest.mark.parametrize("state", ["created", "running"])
def test_cp_where_a_volume_is_mounted_on_what_turns_into_a_link(
    sampan: Client, daemon: Daemon, racing: Path, canary: Canary, state: str
) -> None:
    inner = racing.parent / "inner"
    inner.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("planted"), io.BytesIO())
    name = fresh()
    flags = ["--name", name, "-v", f"{racing}:/v", "-v", f"{inner}:/v/a/inner"]
    started = sampan("create" if state == "created" else "run", *flags, *_forever(state), check=False)
    try:
        for _ in rounds(10) if started.code == 0 else ():
            for path in ("/v/a/secret", "/v/a/inner", "/v/b/secret", "/v/a"):
                assert _secret(canary).encode() not in request(daemon.host, "GET", name, path)
                request(daemon.host, "HEAD", name, path)
            for path in ("/v/a", "/v/a/inner", "/v/b"):
                request(daemon.host, "PUT", name, path, buffer.getvalue())
    finally:
        sampan("rm", "-f", name, check=False)
    assert canary.untouched()
    assert str(canary.path) not in Path("/proc/self/mountinfo").read_text()


def _forever(state: str) -> list[str]:
    return ["busybox", "sleep", "1000"] if state == "created" else ["-d", "busybox", "sleep", "1000"]


def test_cp_through_links_that_stay_inside(sampan: Client, image: Image, tmp_path: Path) -> None:
    """What Docker broke when it closed the hole, for a while."""
    name = sampan("create", image(("run", "/"), ("var", "/"), ("var/run", "-> /run")), "true").out.strip()
    try:
        (tmp_path / "file").write_text("there")
        sampan("cp", str(tmp_path / "file"), f"{name}:/var/run/file")
        sampan("cp", f"{name}:/run/file", str(tmp_path / "back"))
    finally:
        sampan("rm", name)
    assert (tmp_path / "back").read_text() == "there"


@pytest.mark.parametrize("how", ["up", "link", "proc", "dot"])
def test_a_volume_is_filled_from_inside_the_image_alone(
    sampan: Client, canary: Canary, tmp_path: Path, how: str
) -> None:
    place = str(canary.path)
    value = {"up": f"/../../../..{place}", "link": "/v", "proc": f"/proc/self/root{place}", "dot": "/v/."}[
        how
    ]

    name = fresh("hostile")
    sampan("import", "-c", f"VOLUME {value}", "-", name, stdin=tree(("v", f"-> {place}"), ("etc", "/")))
    look = f"ls -R /v {place}; cat /v/secret {place}/secret"
    try:
        done = sampan("run", "--rm", name, "sh", "-c", look, check=False)
    finally:
        sampan("rmi", "-f", name)
    assert _secret(canary) not in done.out
    assert canary.untouched()


def test_a_working_directory_that_turns_into_a_link(sampan: Client, racing: Path, canary: Canary) -> None:
    for number in rounds(12):
        words = ["--rm", "-v", f"{racing}:/w", "-w", f"/w/a/made{number}/deep"]
        done = sampan("run", *words, "busybox", "true", check=False)
        assert done.code in (0, 125, 126, 127), done
    assert canary.untouched()


_BAD_FILES = {
    "link out": "ln -s {canary}/secret FILE",
    "link up": "ln -s ../../../../../../../..{canary}/secret FILE",
    "link to itself": "ln -s FILE FILE",
    "link to memory": "ln -s /proc/self/mem FILE",
    "link to nothing": "ln -s /nowhere FILE",
    "fifo": "mkfifo FILE",
    "device": "mknod FILE c 1 5",
    "disk": "mknod FILE b 254 0",
    "directory": "mkdir FILE",
    "sparse": "truncate -s 1024G FILE",
    "one line": "head -c 20000000 /dev/zero | tr '\\0' x > FILE",
    "binary": "head -c 100000 /dev/urandom > FILE",
}


@pytest.mark.parametrize("file", ["/etc/passwd", "/etc/group"])
def test_users_are_looked_up_in_plain_files_alone(sampan: Client, canary: Canary, file: str) -> None:
    """Refused, or not found, and soon: the deadline of a client's call is the test's."""
    name = sampan("run", "-d", "--shm-size", "8m", "busybox", "sleep", "1000").out.strip()
    try:
        for make in _BAD_FILES.values():
            script = f"rm -rf FILE; {make.format(canary=canary.path)}".replace("FILE", file)
            sampan("exec", "-u", "0:0", name, "sh", "-c", script)
            done = sampan("exec", "-u", "ada:ada", name, "true", check=False, timeout=15)
            assert done.code in (1, 126, 128), (make, done)
            uid = sampan("exec", "-u", "7:7", name, "grep", "Uid:", "/proc/self/status")
            assert uid.out.split()[1:] == ["7"] * 4, make
    finally:
        sampan("rm", "-f", name)
    assert canary.untouched()


def test_files_of_the_network_that_are_links(sampan: Client, image: Image, canary: Canary) -> None:
    names = ("hosts", "hostname", "resolv.conf", "mtab")
    hostile = image(("etc", "/"), *((f"etc/{name}", f"-> {canary.path}/secret") for name in names))
    network = fresh("net")
    sampan("network", "create", network)
    name = fresh()
    try:
        sampan("run", "-d", "--name", name, hostile, "sleep", "1000", check=False)
        sampan("network", "connect", network, name, check=False)
        sampan("network", "disconnect", network, name, check=False)
        sampan("restart", "-t", "0", name, check=False)
        shown = sampan("exec", name, "cat", "/etc/hosts", check=False)
        assert _secret(canary) not in shown.out
    finally:
        sampan("rm", "-f", name)
        sampan("network", "rm", network)
    assert canary.untouched()


_TREE = r"""
mkdir /t && cd /t
i=0; while [ $i -lt 1100 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done; echo deep > f; cd /t
mkdir farm; echo one > farm/0; i=1; while [ $i -lt 100 ]; do ln farm/0 farm/$i; i=$((i+1)); done
truncate -s 16M sparse; mkfifo fifo; mknod node c 1 3
printf 'x' > "$(printf '\001\002\t\n\033\177\200\377')"
printf 'y' > "$(printf 'caf\351')"
echo done
"""


def test_trees_that_are_hard_to_walk(sampan: Client, tmp_path: Path) -> None:
    """No path is as long as these are deep (PATH_MAX), no name has to be UTF-8."""
    name, image = fresh(), fresh("tree")
    try:
        assert sampan("run", "--name", name, "busybox", "sh", "-c", _TREE, timeout=120).out == "done\n"
        assert "A /t/sparse" in sampan("diff", name).out
        sampan("export", "-o", str(tmp_path / "all.tar"), name, timeout=120)
        with tarfile.open(tmp_path / "all.tar", errors="surrogateescape") as archive:
            members = {os.fsencode(member.name): member for member in archive}
        assert members[b"t/" + b"d/" * 1100 + b"f"].size == 5
        assert members[b"t/caf\xe9"].size == 1
        assert members[b"t/\x01\x02\t\n\x1b\x7f\x80\xff"].size == 1
        assert sum(member.islnk() for path, member in members.items() if b"t/farm/" in path) == 99
        sampan("commit", name, image, timeout=120)
        again = sampan(
            "run", "--rm", image, "sh", "-c", "cat /t/caf*; ls /t/farm | wc -l; stat -c %s /t/sparse"
        )
        assert again.out.split() == ["y100", str(16 << 20)]
    finally:
        sampan("rm", "-f", name, timeout=120)
        sampan("rmi", "-f", image, check=False, timeout=120)
