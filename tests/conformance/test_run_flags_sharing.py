"""What the flags of `run` share between containers: volumes, names, images, memory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import fresh, inspect
from harness.waiting import until

Run = Callable[..., str]


def refused(cli: Client, *flags: str) -> str:
    result = cli("run", "--rm", *flags, "busybox", "true", check=False)
    assert result.code == 125
    return result.err


def test_volumes_from_lends_all_mounts(cli: Client, container: Run, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("host\n")
    name = container("-v", f"{tmp_path}:/bound:ro", "-v", "/data", "busybox", "sleep", "1000")
    cli("exec", name, "touch", "/data/lent")
    script = "cat /bound/there; ls /data; touch /bound/x 2>/dev/null || echo read-only; echo more >/data/more"
    assert (
        cli("run", "--rm", "--volumes-from", name, "busybox", "sh", "-c", script).out
        == "host\nlent\nread-only\n"
    )
    assert cli("exec", name, "cat", "/data/more").out == "more\n"


def test_volumes_from_read_only(cli: Client, container: Run) -> None:
    name = container("-v", "/data", "busybox", "sleep", "1000")
    script = "touch /data/x 2>/dev/null || echo read-only"
    assert (
        cli("run", "--rm", "--volumes-from", f"{name}:ro", "busybox", "sh", "-c", script).out == "read-only\n"
    )
    assert cli("exec", name, "ls", "/data").out == ""


def test_volumes_from_several_and_a_mount_of_ones_own(cli: Client, container: Run, tmp_path: Path) -> None:
    one = container("-v", "/a", "-v", "/b", "busybox", "sh", "-c", "touch /a/one /b/one; sleep 1000")
    two = container("-v", "/b", "busybox", "sh", "-c", "touch /b/two; sleep 1000")
    own = ("--volumes-from", one, "--volumes-from", two, "-v", f"{tmp_path}:/a")
    (tmp_path / "own").touch()
    until(lambda: cli("exec", two, "ls", "/b").out == "two\n" and cli("exec", one, "ls", "/b").out == "one\n")
    assert cli("run", "--rm", *own, "busybox", "ls", "/a", "/b").out == "/a:\nown\n\n/b:\ntwo\n"


def test_volumes_from_wrong(cli: Client, container: Run) -> None:
    assert "Error response from daemon: No such container: nope" in refused(cli, "--volumes-from", "nope")
    name = container("busybox", "sleep", "1000")
    assert "invalid mode: zz" in refused(cli, "--volumes-from", f"{name}:zz")


def test_a_borrowed_volume_is_in_use(cli: Client, container: Run) -> None:
    lender = container("-v", "/data", "busybox", "touch", "/data/x")
    cli("wait", lender)
    borrower = container("--volumes-from", lender, "busybox", "sleep", "1000")
    cli("rm", "-v", lender)
    assert cli("exec", borrower, "ls", "/data").out == "x\n"


def test_link(cli: Client, container: Run) -> None:
    other = container("-e", "X=1", "--expose", "80", "busybox", "sleep", "1000")
    found = inspect(cli, other)
    address, short = found["NetworkSettings"]["Networks"]["bridge"]["IPAddress"], found["Id"][:12]
    name = fresh()
    flags = ("--name", name, "--link", f"{other}:web")
    script = "grep web /etc/hosts; env | grep ^WEB | sort; ping -c1 web >/dev/null && echo reached"
    assert cli("run", "--rm", *flags, "busybox", "sh", "-c", script).out.splitlines() == [
        f"{address}\tweb {short} {other}",
        "WEB_ENV_X=1",
        f"WEB_NAME=/{name}/web",
        f"WEB_PORT=tcp://{address}:80",
        f"WEB_PORT_80_TCP=tcp://{address}:80",
        f"WEB_PORT_80_TCP_ADDR={address}",
        "WEB_PORT_80_TCP_PORT=80",
        "WEB_PORT_80_TCP_PROTO=tcp",
        "reached",
    ]
    named = cli("run", "--rm", "--link", other, "busybox", "tail", "-n2", "/etc/hosts").out
    assert named.startswith(f"{address}\t{other} {short}\n")


def test_link_shows_and_goes(cli: Client, container: Run) -> None:
    other = container("busybox", "sleep", "1000")
    name = container("--link", f"{other}:web", "busybox", "sleep", "1000")
    assert inspect(cli, name)["HostConfig"]["Links"] == [f"/{other}:/{name}/web"]
    assert cli("ps", "--no-trunc", "--filter", f"name={other}", "--format", "{{.Names}}").out.strip() in (
        f"{other},{name}/web",
        f"{name}/web,{other}",
    )
    assert cli("rm", "--link", f"{name}/web").out == f"{name}/web\n"
    assert inspect(cli, name)["HostConfig"]["Links"] is None
    again = cli("rm", "--link", f"{name}/web", check=False)
    assert again.code == 1
    assert f"No such container: {name}/web" in again.err
    plain = cli("rm", "--link", name, check=False)
    assert "Conflict, cannot remove the default link name of the container" in plain.err


def test_link_follows_the_other_to_its_next_address(cli: Client, container: Run) -> None:
    other = container("busybox", "sleep", "1000")
    name = container("--link", f"{other}:web", "busybox", "sleep", "1000")
    cli("kill", other)
    cli("wait", other)
    between = container("busybox", "sleep", "1000")  # takes the address
    cli("start", other)
    address = inspect(cli, other)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert address != inspect(cli, between)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert until(lambda: f"{address}\tweb" in cli("exec", name, "cat", "/etc/hosts").out)


def test_link_wrong(cli: Client, container: Run) -> None:
    missing = refused(cli, "--link", "myng1")
    assert (
        "Error response from daemon: could not get container for myng1: No such container: myng1" in missing
    )
    other = container("busybox", "true")
    cli("wait", other)
    assert f"Cannot link to a non running container: /{other} AS /" in refused(cli, "--link", f"{other}:x")
    words = "conflicting options: host type networking can't be used with links"
    assert words in refused(cli, "--network", "host", "--link", other)
    assert 'invalid argument "a:b:c" for "--link" flag: bad format for links: a:b:c' in refused(
        cli, "--link", "a:b:c"
    )


@pytest.mark.since(28)
def test_an_image_as_a_mount(cli: Client) -> None:
    mount = "type=image,source=nginx,target=/i,image-subpath=usr/share/nginx/html"
    script = "ls /i; touch /i/x 2>/dev/null || echo read-only"
    assert (
        cli("run", "--rm", "--mount", mount, "busybox", "sh", "-c", script).out == "index.html\nread-only\n"
    )
    whole = cli(
        "run", "--rm", "--mount", "type=image,source=nginx,target=/i", "busybox", "ls", "/i/etc/nginx"
    )
    assert "nginx.conf" in whole.out
    assert "No such image: nope:latest" in refused(cli, "--mount", "type=image,source=nope,target=/i")
    nowhere = cli("run", "--rm", "--mount", f"{mount}/nope", "busybox", "true", check=False)
    assert (nowhere.code, "cannot access path" in nowhere.err) == (127, True)


@pytest.mark.since(26)
def test_a_part_of_a_volume(cli: Client) -> None:
    volume = fresh("v")
    cli(
        "run",
        "--rm",
        "-v",
        f"{volume}:/v",
        "busybox",
        "sh",
        "-c",
        "mkdir -p /v/a/b; touch /v/a/b/x; ln -s / /v/out",
    )
    part = f"type=volume,source={volume},target=/p,volume-subpath="
    assert cli("run", "--rm", "--mount", f"{part}a/b", "busybox", "ls", "/p").out == "x\n"
    inside = cli("run", "--rm", "--mount", f"{part}out", "busybox", "ls", "/p")
    assert inside.out == "a\nout\n"  # the link's "/" is the volume's, not the machine's
    missing = cli("run", "--rm", "--mount", f"{part}nope", "busybox", "true", check=False)
    assert missing.code != 0
    assert "cannot access path" in missing.err
    cli("volume", "rm", volume)


def test_a_volume_that_is_a_tmpfs(cli: Client, container: Run) -> None:
    """It is one for all who use it, and empty after the last of them."""
    volume = fresh("v")
    options = 'volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m,noexec"'
    mount = f"type=volume,source={volume},target=/v,volume-driver=local,{options}"
    name = container("--mount", mount, "busybox", "sh", "-c", "touch /v/x; sleep 1000")
    until(lambda: cli("exec", name, "ls", "/v").out == "x\n")
    script = "ls /v; df /v | awk 'NR==2{print $1, $2}'"
    assert cli("run", "--rm", "-v", f"{volume}:/v", "busybox", "sh", "-c", script).out == "x\ntmpfs 1024\n"
    cli("rm", "-f", name)
    assert cli("run", "--rm", "-v", f"{volume}:/v", "busybox", "ls", "/v").out == ""
    cli("volume", "rm", volume)


def test_a_volume_that_is_a_directory_of_the_machine(cli: Client, tmp_path: Path) -> None:
    volume = fresh("v")
    (tmp_path / "there").touch()
    cli("volume", "create", "-o", "type=none", "-o", "o=bind,ro", "-o", f"device={tmp_path}", volume)
    script = "ls /v; touch /v/x 2>/dev/null || echo read-only"
    assert cli("run", "--rm", "-v", f"{volume}:/v", "busybox", "sh", "-c", script).out.startswith("there\n")
    cli("volume", "rm", volume)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_volume_that_cannot_be_mounted(cli: Client) -> None:
    volume = fresh("v")
    cli("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/nowhere", volume)
    result = cli("run", "--rm", "-v", f"{volume}:/v:nocopy", "busybox", "true", check=False)
    cli("volume", "rm", volume)
    assert result.code == 127
    assert "failed to mount local volume: mount /nowhere:" in result.err
    wrong = cli("volume", "create", "-o", "a=b", volume, check=False)
    assert f'create {volume}: invalid option: "a"' in wrong.err


def test_ipc_that_is_shared(cli: Client, container: Run) -> None:
    name = container("--ipc", "shareable", "--shm-size", "1m", "busybox", "sleep", "1000")
    cli("exec", name, "touch", "/dev/shm/x")
    script = "ls /dev/shm; df /dev/shm | awk 'NR==2{print $2}'"
    joined = cli("run", "--rm", "--ipc", f"container:{name}", "busybox", "sh", "-c", script)
    assert joined.out == "x\n1024\n"
    private = container("--ipc", "private", "busybox", "sleep", "1000")
    assert "non-shareable IPC" in refused(cli, "--ipc", f"container:{private}")


def test_ipc_none_and_host(cli: Client) -> None:
    script = "ls /dev | grep -c shm; readlink /proc/self/ns/ipc"
    none = cli(
        "run",
        "--rm",
        "--ipc",
        "none",
        "busybox",
        "sh",
        "-c",
        "grep -c ' /dev/shm ' /proc/mounts",
        check=False,
    )
    assert none.out == "0\n"
    host = cli("run", "--rm", "--ipc", "host", "busybox", "sh", "-c", script).out.split()
    assert host[1] == os.readlink("/proc/self/ns/ipc")
