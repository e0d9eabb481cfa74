"""What the flags of `run` do to the files inside: binds, volumes, tmpfs, a read-only root."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import fresh, inspect
from harness.waiting import until

Run = Callable[..., str]
HTML = "/usr/share/nginx/html"


@pytest.fixture
def volume(cli: Client) -> str:
    """The name of one that the test makes; the test removes it."""
    return fresh("v")


@pytest.mark.parametrize(
    ("flags", "command", "output"),
    [
        (
            ["--read-only"],
            "touch /x 2>/dev/null || echo refused; touch /dev/shm/x && echo shm",
            "refused\nshm",
        ),
        (["--read-only", "--tmpfs", "/t:size=64k"], "touch /t/x && df /t | awk 'NR==2{print $2}'", "64"),
        (["--tmpfs", "/t"], "grep ' /t ' /proc/mounts | grep -c nosuid,nodev,noexec", "1"),
        (["--tmpfs", "/t:exec,mode=700"], "cp /bin/busybox /t; /t/busybox stat -c %a /t", "700"),
        (["--shm-size", "1m"], "df /dev/shm | awk 'NR==2{print $2}'", "1024"),
        ([], "df /dev/shm | awk 'NR==2{print $2}'", "65536"),
        ([], "awk '$2==\"/\"{print $3}' /proc/mounts", "overlay"),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else "",
)
def test_flag(cli: Client, flags: list[str], command: str, output: str) -> None:
    assert cli("run", "--rm", *flags, "busybox", "sh", "-c", command).out.rstrip("\n") == output


def test_a_bind_shows_the_hosts_files_and_writes_them(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("host\n")
    assert cli("run", "--rm", "-v", f"{tmp_path}:/m", "busybox", "cat", "/m/there").out == "host\n"
    cli("run", "--rm", "-v", f"{tmp_path}:/m:rw", "busybox", "sh", "-c", "echo inside >/m/new")
    assert (tmp_path / "new").read_text() == "inside\n"


def test_a_bind_of_one_file(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("hello\n")
    assert (
        cli("run", "--rm", "-v", f"{tmp_path}/motd:/etc/motd", "busybox", "cat", "/etc/motd").out == "hello\n"
    )


def test_a_bind_that_is_read_only(cli: Client, tmp_path: Path) -> None:
    refused = cli("run", "--rm", "-v", f"{tmp_path}:/m:ro", "busybox", "touch", "/m/x", check=False)
    assert refused.code == 1
    assert "Read-only file system" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_the_directory_of_a_bind_is_made(cli: Client, tmp_path: Path) -> None:
    cli("run", "--rm", "-v", f"{tmp_path}/made/for/me:/m", "busybox", "true")
    assert (tmp_path / "made/for/me").is_dir()


def test_mount_does_not_make_it(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("host\n")
    bind = f"type=bind,source={tmp_path},target=/m,readonly"
    assert cli("run", "--rm", "--mount", bind, "busybox", "cat", "/m/there").out == "host\n"
    nowhere = "type=bind,source=/nowhere,target=/m"
    missing = cli("run", "--rm", "--mount", nowhere, "busybox", "true", check=False)
    assert missing.code == 125
    assert 'invalid mount config for type "bind": bind source path does not exist: /nowhere' in missing.err


def test_a_named_volume_is_filled_from_the_image_once_and_keeps(cli: Client, volume: str) -> None:
    script = f"ls {HTML}; echo more >{HTML}/x; rm {HTML}/index.html"
    assert cli("run", "--rm", "-v", f"{volume}:{HTML}", "nginx", "sh", "-c", script).out == "index.html\n"
    assert cli("run", "--rm", "-v", f"{volume}:{HTML}", "nginx", "ls", HTML).out == "x\n"
    assert cli("run", "--rm", "-v", f"{volume}:/m:ro", "busybox", "cat", "/m/x").out == "more\n"
    assert volume in cli("volume", "ls", "-q").out.split()
    assert cli("volume", "rm", volume).out == f"{volume}\n"


def test_what_is_copied_up_has_its_owner_and_mode(cli: Client, volume: str) -> None:
    seen = 'stat -c "%a %u %g" /var/mail /var/mail/. | sort -u'
    own = cli("run", "--rm", "debian", "sh", "-c", seen).out
    copied = cli("run", "--rm", "-v", f"{volume}:/var/mail", "debian", "sh", "-c", seen).out
    cli("volume", "rm", volume)
    assert own == copied == "2775 0 8\n"


def test_a_volume_in_use_is_not_removed(cli: Client, container: Run, volume: str) -> None:
    name = container("-v", f"{volume}:/m", "busybox", "sleep", "1000")
    refused = cli("volume", "rm", volume, check=False)
    assert refused.code == 1
    assert f"remove {volume}: volume is in use - [{inspect(cli, name)['Id']}]" in refused.err
    cli("rm", "-f", name)
    assert cli("volume", "rm", volume).out == f"{volume}\n"


def test_a_named_volume_outlives_rm_v(cli: Client, volume: str) -> None:
    cli("run", "--rm", "-v", f"{volume}:/m", "busybox", "touch", "/m/kept")
    assert cli("run", "--rm", "-v", f"{volume}:/m", "busybox", "ls", "/m").out == "kept\n"
    cli("volume", "rm", volume)


def test_rm_takes_its_anonymous_volumes_along(cli: Client) -> None:
    before = cli("volume", "ls", "-q").out
    cli("run", "--rm", "-v", "/data", "busybox", "touch", "/data/x")
    assert until(lambda: cli("volume", "ls", "-q").out == before)


def test_inspect_shows_the_mounts(cli: Client, container: Run, tmp_path: Path, volume: str) -> None:
    name = container("-v", f"{tmp_path}:/bound:ro", "-v", f"{volume}:/named", "busybox", "sleep", "1000")
    mounts = {one["Destination"]: one for one in inspect(cli, name)["Mounts"]}
    bound, named = mounts["/bound"], mounts["/named"]
    assert (bound["Type"], bound["Source"], bound["RW"]) == ("bind", str(tmp_path), False)
    assert (named["Type"], named["Name"], named["RW"]) == ("volume", volume, True)
    assert named["Source"].endswith(f"/volumes/{volume}/_data")
    cli("rm", "-f", name)
    cli("volume", "rm", volume)
