"""Whose the files of a bind or a volume are inside: `uid=`, `gid=`, `idmap`, `U`. Not of Docker."""

import os
import shutil
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import fresh, inspect

pytestmark = pytest.mark.ours("an addition to Docker")
OWNERS = "cd /m; stat -c '%n %u %g' . *"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A directory of 1000's, with a file of his and one of root's."""
    for name, owner in (("his", 1000), ("roots", 0)):
        (tmp_path / name).write_text("x")
        os.chown(tmp_path / name, owner, owner)
    os.chown(tmp_path, 1000, 1000)
    return tmp_path


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def test_the_owner_of_a_bind_is_shown_as_another(cli: Client, mine: Path) -> None:
    run = ("run", "--rm", "-u", "33:44", "-v", f"{mine}:/m:uid=33,gid=44", "busybox", "sh", "-c")
    assert cli(*run, OWNERS + "; touch new").out == ". 33 44\nhis 33 44\nroots 0 0\n"
    assert owner(mine / "new") == owner(mine / "his") == (1000, 1000)
    assert owner(mine / "roots") == (0, 0)


def test_what_the_containers_root_writes_is_mine(cli: Client, mine: Path) -> None:
    run = ("run", "--rm", "-v", f"{mine}:/m:rw,uid=0,gid=0", "busybox", "sh", "-c")
    assert cli(*run, OWNERS + "; mkdir new").out == ". 0 0\nhis 0 0\nroots 1000 1000\n"
    assert owner(mine / "new") == (1000, 1000)


def test_one_file_and_read_only(cli: Client, mine: Path) -> None:
    script = "stat -c '%u %g' /f; echo more >>/f || echo refused"
    out = cli("run", "--rm", "-v", f"{mine}/his:/f:ro,uid=7", "busybox", "sh", "-c", script).out
    assert out == "7 1000\nrefused\n"


def test_a_volume_and_its_parts(cli: Client) -> None:
    name = fresh("v")
    cli("run", "--rm", "-u", "5:6", "-v", f"{name}:/m:uid=5,gid=6", "busybox", "mkdir", "/m/part")
    inside = cli("run", "--rm", "-v", f"{name}:/m:uid=5,gid=6", "busybox", "sh", "-c", OWNERS).out
    assert inside == ". 5 6\npart 5 6\n"
    assert cli("run", "--rm", "-v", f"{name}:/m", "busybox", "sh", "-c", OWNERS).out == ". 0 0\npart 0 0\n"
    cli("volume", "rm", name)


def test_a_mapping_as_podman_writes_it(cli: Client, mine: Path) -> None:
    mapping = "idmap=uids=1000-70-1;gids=@0-0-1#1000-80-1"
    out = cli("run", "--rm", "-v", f"{mine}:/m:{mapping}", "busybox", "sh", "-c", OWNERS).out
    assert out == ". 70 80\nhis 70 80\nroots 65534 0\n"
    assert cli("run", "--rm", "-v", f"{mine}:/m:idmap", "busybox", "sh", "-c", OWNERS).out.startswith(
        ". 1000"
    )


def test_owners_that_are_changed_for_good(cli: Client, mine: Path) -> None:
    (mine / "deep/er").mkdir(parents=True)
    (mine / "link").symlink_to("/etc/passwd")
    outside = owner(Path("/etc/passwd"))
    run = ("run", "--rm", "-u", "www-data", "-v", f"{mine}:/m:ro,U", "debian", "sh", "-c")
    cli(*run, "true")
    assert {owner(path) for path in (mine, *mine.rglob("*"))} == {(33, 33)}
    assert owner(Path("/etc/passwd")) == outside


def test_volumes_from_keeps_them(cli: Client, mine: Path) -> None:
    name = fresh()
    cli("create", "--name", name, "-v", f"{mine}:/m:uid=3", "busybox")
    out = cli("run", "--rm", "--volumes-from", name, "busybox", "stat", "-c", "%u", "/m/his").out
    assert out == "3\n"
    assert inspect(cli, name)["Mounts"][0]["Mode"] == "uid=3"
    cli("rm", name)


@pytest.mark.parametrize("runtime", ["runc", "sampan"])
def test_under_another_runtime(cli: Client, mine: Path, runtime: str) -> None:
    if runtime != "sampan" and shutil.which(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    run = ("run", "--rm", "--runtime", runtime)
    shown = cli(*run, "-v", f"{mine}:/m:uid=33,ro", "busybox", "sh", "-c", OWNERS).out
    assert shown == ". 33 1000\nhis 33 1000\nroots 0 0\n"
    changed = cli(*run, "-u", "9:9", "-v", f"{mine}:/m:U", "busybox", "sh", "-c", OWNERS).out
    assert changed == ". 9 9\nhis 9 9\nroots 9 9\n"


_REFUSED = (
    ("uid=me", "invalid mode: uid=me: 'me' is no user or group ID"),
    ("uid=1,uid=2", "invalid mode: uid=1,uid=2"),
    ("uid=1,U", "invalid mode: uid=1,U: uid and gid, idmap, and U exclude each other"),
    ("idmap=uids=1", "invalid mode: idmap=uids=1: invalid idmap: '1' is not DISK-SHOWN-COUNT"),
)


def test_refusals(cli: Client, tmp_path: Path) -> None:
    for mode, message in _REFUSED:
        refused = cli("run", "--rm", "-v", f"{tmp_path}:/m:{mode}", "busybox", "true", check=False)
        assert (refused.code, message in refused.err) == (125, True), refused


def test_a_file_system_that_cannot(cli: Client) -> None:
    refused = cli("run", "--rm", "-v", "/proc:/m:uid=3", "busybox", "true", check=False)
    assert refused.code == 125
    why = "cannot map the owners of /proc: this kernel has no idmapped mounts of its file system (proc)"
    assert why in refused.err


def test_mount_has_them_too(sampan: Client, mine: Path) -> None:
    def seen(mount: str, *more: str) -> str:
        return sampan("run", "--rm", *more, "--mount", mount, "busybox", "sh", "-c", OWNERS).out

    bind = f"type=bind,src={mine},dst=/m"
    assert seen(f"{bind},uid=33,gid=44,readonly") == ". 33 44\nhis 33 44\nroots 0 0\n"
    assert seen(f"{bind},idmap=uids=1000-70-1;gids=1000-80-1") == ". 70 80\nhis 70 80\nroots 65534 65534\n"
    tmpfs = ("--mount", "type=tmpfs,dst=/m,uid=5,gid=6", "busybox", "stat", "-c", "%u %g", "/m")
    assert sampan("run", "--rm", *tmpfs).out == "5 6\n"
    assert seen(f"{bind},U=true", "-u", "8:9") == ". 8 9\nhis 8 9\nroots 8 9\n"
    refused = sampan("create", "--mount", "type=image,src=busybox,dst=/m,uid=3", "busybox", check=False)
    assert "the owners of an image's files cannot be mapped" in refused.err
    refused = sampan("create", "--mount", f"{bind},uid=x", "busybox", check=False)
    assert (refused.code, "invalid value for uid: x" in refused.err) == (125, True)
