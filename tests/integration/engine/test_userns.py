"""A daemon with `userns-remap`: root inside is nobody outside, and the disk does not know of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clients import Client
from harness.daemon import Daemon

FIRST, USER = 3_000_000_000, "sampan-test-remap"
FILES = (Path("/etc/subuid"), Path("/etc/subgid"))


@pytest.fixture
def ranges() -> Iterator[None]:
    before = {path: path.read_text() if path.exists() else "" for path in FILES}
    for path, text in before.items():
        path.write_text(f"{text}{USER}:{FIRST}:65536\n")
    yield
    for path in FILES:
        kept = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith(USER)]
        path.write_text("".join(kept))


@pytest.fixture
def remapped(ranges: None, own: Daemon) -> Daemon:
    own.stop()
    own.config.write_text(f'userns-remap = "{USER}"\n{own.config.read_text()}')
    own.start()
    return own


def test_root_inside_is_nobody_outside(remapped: Daemon, boat: Client) -> None:
    script = "touch /x /v/x; chown 33:44 /v/x; exec sleep 1000"
    boat("run", "-d", "--name", "box", "-v", "vol:/v", "-w", "/made/here", "busybox", "sh", "-c", script)
    pid = int(boat("inspect", "-f", "{{.State.Pid}}", "box").out)
    assert os.stat(f"/proc/{pid}").st_uid in (FIRST, 0)  # 0: it cannot be dumped
    assert f"Uid:\t{FIRST}\t" in Path(f"/proc/{pid}/status").read_text()
    files = "/x /v/x /etc/hosts /dev /dev/null /made/here"
    seen = f"id -u; stat -c '%u %g' {files}; awk '{{print $2}}' /proc/self/uid_map"
    lines = boat("exec", "box", "sh", "-c", seen).out.splitlines()
    assert lines == ["0", "0 0", "33 44", "0 0", "0 0", "0 0", "0 0", str(FIRST)]
    volume = os.stat(remapped.data / "volumes/vol/_data/x")
    upper = os.stat(next((remapped.data / "containers").iterdir()) / "diff/x")
    assert (volume.st_uid, volume.st_gid, upper.st_uid) == (33, 44, 0)
    assert boat("exec", "-u", "33", "box", "id", "-u").out == "33\n"
    assert boat("exec", "box", "sh", "-c", "echo out >/dev/stdout").out == "out\n"
    shared = ("run", "--rm", "--userns", "host", "-v", "vol:/v", "busybox")
    assert boat(*shared, "sh", "-c", "stat -c %u /v/x; awk '{print $2}' /proc/self/uid_map").out == "33\n0\n"
    boat("rm", "-f", "box")
    boat("volume", "rm", "vol")


def test_what_belongs_to_the_machine_is_out_of_reach(remapped: Daemon, boat: Client, tmp_path: Path) -> None:
    script = (
        "touch /b/x 2>/dev/null || echo refused; hostname other && hostname;"
        " ping -c1 127.0.0.1 >/dev/null && echo net"
    )
    # One of net.ipv4: Linux 6.1 shows those of net.core to the first user namespace only.
    flags = ("-v", f"{tmp_path}:/b", "--cap-add", "SYS_ADMIN", "--sysctl", "net.ipv4.tcp_fin_timeout=7")
    result = boat(
        "run", "--rm", *flags, "busybox", "sh", "-c", f"{script}; cat /proc/sys/net/ipv4/tcp_fin_timeout"
    )
    assert result.out == "refused\nother\nnet\n7\n"
    words = {
        "--privileged": "privileged mode is incompatible with user namespaces.",
        "--network=host": "cannot share the host's network namespace when user namespaces are enabled",
        "--pid=host": "cannot share the host's PID namespace when user namespaces are enabled",
    }
    for flag, wanted in words.items():
        refused = boat("run", "--rm", flag, "busybox", "true", check=False)
        assert (refused.code, wanted in refused.err) == (125, True)
        assert boat("run", "--rm", flag, "--userns", "host", "busybox", "id", "-u").out == "0\n"


def test_no_ranges(own: Daemon) -> None:
    own.stop()
    before = own.config.read_text()
    own.config.write_text(f'userns-remap = "nobody-has-this"\n{before}')
    with pytest.raises(AssertionError, match="no subuid ranges found for user"):
        own.start()
    own.config.write_text(before)
    own.start()


def test_whose_a_mount_is(remapped: Daemon, boat: Client, tmp_path: Path) -> None:
    """`uid=` and `idmap` count in the container's own numbers."""
    os.chown(tmp_path, 1000, 1000)
    look = ("busybox", "sh", "-c", "stat -c '%u %g' /m; touch /m/x 2>/dev/null && stat -c '%u %g' /m/x")
    run = ("run", "--rm", "-u", "33:44", "-v")
    assert boat(*run, f"{tmp_path}:/m:uid=33,gid=44", *look).out == "33 44\n33 44\n"
    assert os.stat(tmp_path / "x").st_uid == 1000
    assert boat(*run, "vol:/m:uid=33,gid=44", *look).out == "33 44\n33 44\n"
    assert os.stat(remapped.data / "volumes/vol/_data/x").st_uid == 0
    assert boat(*run, "vol:/m:U", *look).out == "33 44\n33 44\n"
    assert os.stat(remapped.data / "volumes/vol/_data").st_uid == 33
    os.chown(tmp_path, 33, 44)
    assert boat(*run, f"{tmp_path}:/m:idmap", *look, check=False).out.startswith("33 44\n")
    assert boat(*run, f"{tmp_path}:/m:U", *look).out == "33 44\n33 44\n"
    assert os.stat(tmp_path).st_uid == FIRST + 33
    boat("volume", "rm", "vol")


def test_a_build(remapped: Daemon, boat: Client, tmp_path: Path) -> None:
    """RUN is remapped as a container is; what it makes belongs to whom it says, there and on the disk."""
    (tmp_path / "context").mkdir()
    (tmp_path / "context/file").write_text("from the context\n")
    (tmp_path / "context/Dockerfile").write_text(
        "FROM busybox AS other\nRUN echo of-other > /o && chown 7:8 /o\n"
        "FROM busybox\nWORKDIR /w\n"
        "RUN awk '{print $2}' /proc/self/uid_map > map && touch root && touch x && chown 33:44 x\n"
        "COPY --chown=5:6 file .\nADD --chmod=600 file /added\nCOPY --from=other /o /w/o\n"
        "USER 33\nRUN --mount=type=cache,target=/cache,uid=33 --mount=type=tmpfs,target=/t"
        " --mount=target=/ctx --mount=type=secret,id=s,uid=33"
        " cat /ctx/file /run/secrets/s > /cache/mine && touch /t/x && cp /cache/mine /w/x\n"
        "USER 0\n"
    )
    (tmp_path / "secret").write_text("a secret\n")
    flags = ("-t", "made:x", "--secret", f"id=s,src={tmp_path}/secret")
    boat("build", "-q", *flags, str(tmp_path / "context"))
    seen = "cat map x; stat -c '%n %u %g' root x file o /added /w"
    lines = boat("run", "--rm", "made:x", "sh", "-c", seen).out.splitlines()
    assert lines == [
        str(FIRST), "from the context", "a secret",
        "root 0 0", "x 33 44", "file 5 6", "o 7 8", "/added 0 0", "/w 0 0",
    ]  # fmt: skip
    owners = {os.stat(path).st_uid for path in (remapped.data / "layers").glob("*/diff/w/*")}
    assert owners == {0, 5, 7, 33}
    boat("rmi", "made:x")
    boat("builder", "prune", "-af")


def test_a_failed_step_is_entered_remapped(remapped: Daemon, boat: Client, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo left > /left && exit 3\n")
    failed = boat("build", str(tmp_path), check=False)
    assert failed.code == 1
    shown = boat("debug", "", "sh", "-c", "cat /left; awk '{print $2}' /proc/self/uid_map").out
    assert shown == f"left\n{FIRST}\n"
    boat("builder", "prune", "-af")


def test_a_disk_of_limited_size(remapped: Daemon, boat: Client) -> None:
    script = "touch /x; stat -c %u /x /etc; dd if=/dev/zero of=/big bs=1M count=30 2>&1 | head -1"
    out = boat("run", "--name", "box", "--disk", "20m", "-v", "vol:/v", "busybox", "sh", "-c", script).out
    assert out == "0\n0\ndd: error writing '/big': No space left on device\n"
    assert "A /x" in boat("diff", "box").out.splitlines()
    boat("rm", "box")
    boat("volume", "rm", "vol")
