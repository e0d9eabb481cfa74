"""`cp` both ways, as a tar on stdio, of running and stopped containers, with volumes; `export`."""

import io
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client

Run = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with a file, a tree and a link."""
    (tmp_path / "file").write_text("content")
    os.chown(tmp_path / "file", 1234, 77)
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "tree" / "inner" / "a").write_text("a")
    (tmp_path / "tree" / "link").symlink_to("inner")
    os.link(tmp_path / "tree" / "inner" / "a", tmp_path / "tree" / "twin")
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture(params=["running", "stopped"])
def box(request: pytest.FixtureRequest, cli: Client, container: Run) -> str:
    name = container("-v", "/volume", "busybox", "sleep", "1000")
    if request.param == "stopped":
        cli("stop", "-t", "0", name)
    return name


def listing(cli: Client, box: str, path: str) -> dict[str, tarfile.TarInfo]:
    import subprocess

    done = subprocess.run(
        [cli.program, "cp", f"{box}:{path}", "-"], env=cli.environment, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {member.name: member for member in archive.getmembers()}


def test_there_and_back(cli: Client, box: str, here: Path) -> None:
    cli("cp", f"{here}/tree", f"{box}:/tmp/new")
    cli("cp", f"{box}:/tmp/new/.", f"{here}/out/back")
    back = here / "out" / "back"
    assert sorted(path.name for path in back.rglob("*")) == ["a", "inner", "link", "twin"]
    assert os.readlink(back / "link") == "inner"
    assert (back / "twin").stat().st_ino == (back / "inner" / "a").stat().st_ino
    assert (back / "inner" / "a").stat().st_mtime == int((here / "tree" / "inner" / "a").stat().st_mtime)


def test_owner_and_mode_go_along(cli: Client, box: str, here: Path) -> None:
    (here / "file").chmod(0o4750)
    cli("cp", f"{here}/file", f"{box}:/tmp/")
    member = listing(cli, box, "/tmp/file")["file"]
    assert (member.uid, member.gid, member.mode) == (1234, 77, 0o4750)


def test_volumes_are_there(cli: Client, box: str, here: Path) -> None:
    cli("cp", f"{here}/file", f"{box}:/volume/")
    cli("start", box)
    assert cli("exec", box, "cat", "/volume/file").out == "content"
    assert set(listing(cli, box, "/volume")) == {"volume", "volume/file"}


def test_what_was_copied_is_in_the_container_later(cli: Client, box: str, here: Path) -> None:
    cli("cp", f"{here}/tree", f"{box}:/deep")
    cli("restart", "-t", "0", box)
    assert cli("exec", box, "cat", "/deep/inner/a").out == "a"


def test_tar_on_stdin(cli: Client, box: str, here: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(here / "tree", "packed")
    cli("cp", "-", f"{box}:/tmp", stdin=buffer.getvalue())
    assert "packed/inner/a" in listing(cli, box, "/tmp/packed")


def test_links(cli: Client, container: Run, here: Path) -> None:
    box = container("busybox", "sleep", "1000")
    cli("exec", box, "sh", "-c", "mkdir -p /r/d; echo x > /r/d/f; ln -s /r/d /l; ln -s ../../../../r/d /r/up")
    assert listing(cli, box, "/l")["l"].linkname == "/r/d"
    assert "./f" in listing(cli, box, "/l/.") or "f" in listing(cli, box, "/l/.")
    cli("cp", "-L", f"{box}:/l", f"{here}/out/followed")
    assert (here / "out" / "followed" / "f").read_text() == "x\n"
    cli("cp", f"{here}/file", f"{box}:/l")
    cli("cp", f"{here}/file", f"{box}:/r/up/second")
    assert cli("exec", box, "ls", "/r/d").out.split() == ["f", "file", "second"]


def test_tmpfs_and_proc_of_a_running_one(cli: Client, container: Run, here: Path) -> None:
    box = container("--tmpfs", "/t", "busybox", "sh", "-c", "echo hidden > /t/f; sleep 1000")
    cli("exec", box, "sh", "-c", "until [ -s /t/f ]; do usleep 1000; done")
    cli("cp", f"{box}:/t/f", f"{here}/out/f")
    assert (here / "out" / "f").read_text() == "hidden\n"


@pytest.mark.parametrize(
    "asked",
    [
        ("{box}:/absent", "{here}/out", "Could not find the file /absent in container {box}"),
        ("{box}:/etc/passwd", "{here}/absent/", "no such directory"),
        ("{box}:/etc/passwd", "{here}/absent/x", 'invalid output path: directory "{here}/absent" does not'),
        ("{box}:/etc", "{here}/file", "cannot copy directory"),
        ("{here}/tree", "{box}:/etc/passwd", "cannot copy directory"),
        ("{here}/file", "{box}:/absent/x", "Could not find the file /absent in container {box}"),
        ("{here}/file", "{box}:/absent/", "no such directory"),
        ("{here}/absent", "{box}:/tmp", "lstat {here}/absent: no such file or directory"),
        ("{here}/tree/inner", "{box}:/r", "cannot overwrite non-directory"),
        ("{here}/file", "nosuch:/tmp", "No such container: nosuch"),
        ("{box}:/a", "{box}:/b", "copying between containers is not supported"),
        ("a", "b", "must specify at least one container source"),
        ("-", "{box}:/etc/passwd", "must be a directory"),
    ],
)
def test_what_is_refused(cli: Client, container: Run, here: Path, asked: tuple[str, str, str]) -> None:
    box = container("busybox", "sh", "-c", "mkdir /r; touch /r/inner; sleep 1000")
    cli("exec", box, "sh", "-c", "until [ -e /r/inner ]; do usleep 1000; done")
    arguments = [text.format(box=box, here=here) for text in asked[:2]]
    refused = cli("cp", *arguments, check=False)
    assert refused.code == 1
    assert asked[2].format(box=box, here=here) in refused.err


def test_read_only(cli: Client, container: Run, here: Path) -> None:
    box = container("--read-only", "-v", f"{here}/out:/ro:ro", "-v", "/rw", "busybox", "sleep", "1000")
    for state in ("running", "stopped"):
        for path, word in (("/tmp", "container rootfs"), ("/ro", "mounted volume")):
            refused = cli("cp", f"{here}/file", f"{box}:{path}", check=False)
            assert f"{word} is marked read-only" in refused.err, (state, path)
        cli("cp", f"{here}/file", f"{box}:/rw/{state}")
        cli("stop", "-t", "0", box)


def test_archive_mode_gives_it_to_the_containers_user(cli: Client, container: Run, here: Path) -> None:
    box = container("-u", "33:44", "busybox", "sleep", "1000")
    cli("cp", "-a", f"{here}/file", f"{box}:/tmp/mine")
    assert cli("exec", box, "stat", "-c", "%u:%g", "/tmp/mine").out.strip() == "33:44"


def test_export(cli: Client, box: str, here: Path) -> None:
    cli("cp", f"{here}/file", f"{box}:/volume/in-volume")
    cli("cp", f"{here}/file", f"{box}:/tmp/exported")
    cli("export", "-o", f"{here}/out/x.tar", box)
    with tarfile.open(here / "out" / "x.tar") as archive:
        found = {member.name: member for member in archive.getmembers()}
    assert found["tmp/exported"].size == len("content")
    assert found["bin/sh"].isreg() or found["bin/sh"].islnk()
    assert "volume/in-volume" not in found
    assert not [name for name in found if name.startswith(("proc/", "sys/"))]
    assert found["volume"].isdir()


@pytest.mark.ours("the client's own care; Docker's does it since 28.4")
@pytest.mark.parametrize("attack", ["../outside", "tree/link/file", "/tmp/absolute", "tree/hard"])
def test_a_hostile_tar_stays_below_the_destination(
    tmp_path: Path, attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sampan.cli.console import ExitWith
    from sampan.cli.container import local

    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").write_text("safe")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, link in (
            ("tree", tarfile.DIRTYPE, ""),
            ("tree/link", tarfile.SYMTYPE, str(canary)),
            ("tree/hard", tarfile.LNKTYPE, "tree/link/file"),
            (attack, tarfile.REGTYPE, ""),
        ):
            if kind == tarfile.LNKTYPE and attack != name:
                continue
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, link, 0o777
            archive.addfile(member)
    (tmp_path / "d").mkdir()
    source = local.Source("/tree", is_directory=True)
    with pytest.raises(ExitWith):
        local.unpack(iter([buffer.getvalue()]), source, str(tmp_path / "d"))
    assert (canary / "file").read_text() == "safe"
    assert stat.S_IMODE(canary.stat().st_mode) != 0o777
    assert sorted(os.listdir(canary)) == ["file"]
    assert not (tmp_path / "outside").exists()
