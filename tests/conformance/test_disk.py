"""A limit for what a container, or a volume, may write: `--storage-opt size=`, `--disk`, `-o size=`.

Docker has the first on XFS with project quotas alone.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import fresh, inspect

pytestmark = [
    pytest.mark.ours("Docker needs XFS with project quotas"),
    pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="no loop devices here"),
    pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="mkfs.ext4 is not installed"),
]
Run = Callable[..., str]
FILL = (
    "dd if=/dev/zero of={0}/big bs=1M count=40 2>&1 | head -1; rm {0}/big;"
    " df -k {0}/. | awk 'NR==2{{print $2}}'"
)
FULL = "dd: error writing '{0}/big': No space left on device"


@pytest.fixture
def volume(cli: Client) -> Iterator[str]:
    name = fresh("v")
    yield name
    cli("volume", "rm", "-f", name, check=False)


def test_what_is_over_the_limit_finds_no_space(cli: Client, container: Run) -> None:
    name = container("--storage-opt", "size=20m", "busybox", "sleep", "1000")
    said, size = cli("exec", name, "sh", "-c", FILL.format("")).out.splitlines()
    assert said == FULL.format("")
    assert 20 << 10 <= int(size) <= 23 << 10
    cli("exec", name, "sh", "-c", "dd if=/dev/zero of=/fits bs=1M count=20 2>/dev/null; rm /fits")
    assert inspect(cli, name)["HostConfig"]["StorageOpt"] == {"size": "20m"}


def test_all_that_looks_into_it(cli: Client, container: Run, tmp_path: Path) -> None:
    """While it runs, and afterwards, when its disk is mounted nowhere."""
    name = container(
        "--storage-opt", "size=20m", "busybox", "sh", "-c", "echo 12345 >/etc/new; rm /etc/passwd; sleep 1000"
    )
    cli("exec", name, "true")
    (tmp_path / "in").write_text("copied\n")
    for state in ("running", "stopped"):
        changed = cli("diff", name).out.splitlines()
        assert {"A /etc/new", "D /etc/passwd"} <= set(changed)
        assert cli("ps", "-as", "--filter", f"name={name}", "--format", "{{.Size}}").out.split()[0] != "0B"
        cli("cp", f"{tmp_path}/in", f"{name}:/root/{state}")
        cli("cp", f"{name}:/root/{state}", f"{tmp_path}/{state}")
        assert (tmp_path / state).read_text() == "copied\n"
        image = f"disk-{name}:{state}"
        cli("commit", name, image)
        seen = cli("run", "--rm", image, "sh", "-c", f"cat /etc/new /root/{state}; ls /etc/passwd 2>&1; true")
        assert seen.out == "12345\ncopied\nls: /etc/passwd: No such file or directory\n"
        cli("rmi", image)
        cli("export", "-o", f"{tmp_path}/tar", name)
        assert b"root/" + state.encode() in (tmp_path / "tar").read_bytes()
        cli("stop", "-t", "0", name)
    cli("start", name)
    assert cli("exec", name, "cat", "/root/stopped").out == "copied\n"


def test_with_another_runtime_and_read_only(cli: Client) -> None:
    if shutil.which("runc") is None:
        pytest.skip("runc is not installed")
    run = ("run", "--rm", "--storage-opt", "size=20m")
    out = cli(*run, "--runtime", "runc", "busybox", "sh", "-c", FILL.format("")).out
    assert out.startswith(FULL.format(""))
    refused = cli(*run, "--read-only", "busybox", "touch", "/x", check=False)
    assert "Read-only file system" in refused.err


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("x", "invalid size: 'x'"),
        ("1k", "invalid size: '1k': at least 1m and at most 16t can be had"),
        ("", "invalid size: ''"),
    ],
)
def test_wrong_sizes(cli: Client, size: str, message: str) -> None:
    refused = cli("create", "--storage-opt", f"size={size}", "busybox", check=False)
    assert message in refused.err
    refused = cli("create", "--storage-opt", "foo=1", "busybox", check=False)
    assert "Unknown option foo" in refused.err


def test_a_flag_of_its_own(sampan: Client) -> None:
    assert (
        FULL.format("") in sampan("run", "--rm", "--disk", "20m", "busybox", "sh", "-c", FILL.format("")).out
    )
    refused = sampan("create", "--disk", "x", "busybox", check=False)
    assert (refused.code, "invalid size: 'x'" in refused.err) == (125, True), refused
    both = sampan("create", "--disk", "20m", "--storage-opt", "size=1g", "busybox", check=False)
    assert "exclude each other" in both.err


def test_a_volume_of_limited_size(cli: Client, container: Run, volume: str, tmp_path: Path) -> None:
    cli("volume", "create", "-o", "size=20m", "-o", "uid=5", volume)
    mounted = ("--rm", "-v", f"{volume}:/m", "busybox", "sh", "-c")
    first, second = (
        container("-v", f"{volume}:/m", "busybox", "sleep", "1000"),
        container("-v", f"{volume}:/m:ro", "busybox", "sleep", "1000"),
    )
    said, size = cli("exec", first, "sh", "-c", FILL.format("/m")).out.splitlines()
    assert said == FULL.format("/m")
    assert 20 << 10 <= int(size) <= 23 << 10
    cli("exec", first, "sh", "-c", "echo 12345 >/m/x")
    assert cli("exec", second, "sh", "-c", "ls -A /m; stat -c %u /m").out == "x\n5\n"
    cli("rm", "-f", first, second)
    assert cli("run", *mounted, "cat /m/x").out == "12345\n"
    name = fresh()
    cli("create", "--name", name, "-v", f"{volume}:/m", "busybox")
    cli("cp", f"{name}:/m/x", f"{tmp_path}/x")
    assert (tmp_path / "x").read_text() == "12345\n"
    (tmp_path / "y").write_text("in\n")
    cli("cp", f"{tmp_path}/y", f"{name}:/m/y")
    cli("rm", name)
    assert cli("run", *mounted, "cat /m/y").out == "in\n"
    assert f"{volume} 0 9B" in [" ".join(line.split()) for line in cli("system", "df", "-v").out.splitlines()]


def test_it_is_filled_from_the_image(cli: Client, volume: str) -> None:
    cli("volume", "create", "-o", "size=20m", volume)
    listed = cli("run", "--rm", "-v", f"{volume}:/etc", "busybox", "ls", "/etc").out
    assert listed == cli("run", "--rm", "busybox", "ls", "/etc").out
    tight = fresh("v")
    cli("volume", "create", "-o", "size=1m", tight)
    refused = cli("create", "-v", f"{tight}:/usr", "debian", check=False)
    assert f"cannot fill volume {tight} from the image: no space left on device" in refused.err
    assert cli("run", "--rm", "-v", f"{tight}:/m", "busybox", "ls", "-A", "/m").out == ""
    cli("volume", "rm", tight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["size=x"], "invalid size: 'x'"),
        (["uid=me"], "invalid option: uid=me is no ID"),
        (["size=20m", "type=tmpfs", "device=tmpfs"], "size is not for a volume that has a device"),
    ],
)
def test_wrong_options(cli: Client, volume: str, options: list[str], message: str) -> None:
    words = [word for option in options for word in ("-o", option)]
    refused = cli("volume", "create", *words, volume, check=False)
    assert (refused.code, message in refused.err) == (1, True), refused


def test_a_volume_of_somebodys(cli: Client, volume: str) -> None:
    cli("volume", "create", "-o", "uid=1000", "-o", "gid=50", volume)
    look = "stat -c '%u %g' /m; touch /m/x && echo can"
    run = ("run", "--rm", "-u", "1000:50", "-v", f"{volume}:/m", "busybox", "sh", "-c")
    assert cli(*run, look).out == "1000 50\ncan\n"
    other = fresh("v")
    cli("volume", "create", "-o", "uid=7", other)
    seen = cli(
        "run", "--rm", "-v", f"{other}:/etc", "debian", "sh", "-c", "stat -c '%u %g' /etc /etc/shadow"
    ).out
    assert seen == "7 0\n7 42\n"
    cli("volume", "rm", other)
