"""Names and networks when the processes behind them are killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import dnslib

import sampan.resolver as sampan_resolver
from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import FACTOR, until


def _asks(sampan: Client, asking: str, name: str) -> str:
    return sampan("exec", asking, "getent", "hosts", name, check=False).out


def _resolver(daemon: Daemon) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(daemon.run).encode() in words and b"/resolver/__main__.py" in b"".join(words):
                return int(entry.name)
    return 0


def _asks_on_its_own(path: Path) -> int:
    return path.read_text().count("ok") if path.exists() else 0


def test_names_are_answered_without_a_daemon(daemon: Daemon, sampan: Client, tmp_path: Path) -> None:
    sampan("network", "create", "names")
    sampan("run", "-d", "--name", "there", "--network", "names", "busybox", "sleep", "300")
    loop = "while :; do getent hosts there >/dev/null && echo ok >>/w/said || echo lost >>/w/said; done"
    flags = ("--network", "names", "-v", f"{tmp_path}:/w")
    sampan("run", "-d", "--name", "asks", *flags, "debian", "sh", "-c", loop)
    said = tmp_path / "said"
    until(lambda: _asks_on_its_own(said) > 5)
    daemon.kill()
    before = _asks_on_its_own(said)
    until(lambda: _asks_on_its_own(said) > before + 20)
    daemon.start()
    until(lambda: _asks_on_its_own(said) > before + 40)
    assert "lost" not in said.read_text()
    assert sampan("network", "rm", "names", check=False).code == 1, "it knows who is on it"
    sampan("rm", "-f", "there", "asks")
    sampan("network", "rm", "names")
    until(lambda: not _resolver(daemon))


def test_a_resolver_that_was_killed_is_followed_by_another(daemon: Daemon, sampan: Client) -> None:
    sampan("network", "create", "names")
    sampan("run", "-d", "--name", "there", "--network", "names", "busybox", "sleep", "300")
    sampan("run", "-d", "--name", "asks", "--network", "names", "debian", "sleep", "300")
    assert _asks(sampan, "asks", "there")
    first = _resolver(daemon)
    os.kill(first, signal.SIGKILL)
    until(lambda: _resolver(daemon) not in (0, first))
    assert until(lambda: _asks(sampan, "asks", "there"))
    sampan("rm", "-f", "there", "asks")
    sampan("network", "rm", "names")


def test_containers_start_and_ask_while_resolvers_are_killed(daemon: Daemon, sampan: Client) -> None:
    """Also one that dies while no daemon is there: the next daemon sees to it."""
    sampan("network", "create", "names")
    for number in range(3):
        starting = [
            sampan.start(
                "run", "-d", "--name", f"s{number}{one}", "--network", "names", "debian", "sleep", "300"
            )
            for one in range(3)
        ]
        seen: set[int] = set()
        while len(seen) < 2 and any(one.poll() is None for one in starting):
            if (pid := _resolver(daemon)) and pid not in seen:
                seen.add(pid)
                time.sleep(0.1 * number)  # before it listens, and later
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        assert [(one.communicate()[1], one.returncode) for one in starting] == [(b"", 0)] * 3
    daemon.kill()
    if pid := _resolver(daemon):
        os.kill(pid, signal.SIGKILL)
    daemon.start()
    names = [f"s{number}{one}" for number in range(3) for one in range(3)]
    for asking in names:
        until(lambda asking=asking: _asks(sampan, asking, names[-1]), 20)
    sampan("rm", "-f", *names)
    sampan("network", "rm", "names")


def test_networks_come_back_with_the_daemon(daemon: Daemon, sampan: Client) -> None:
    identity = sampan("network", "create", "--label", "a=b", "kept").out.strip()
    daemon.kill()
    bridge = Path("/sys/class/net", f"br-{identity[:12]}")
    os.system(f"ip link delete {bridge.name}")
    daemon.start()
    assert bridge.exists()
    assert sampan("network", "inspect", "-f", "{{.Labels.a}} {{.Id}}", "kept").out == f"b {identity}\n"
    assert sampan("run", "--rm", "--network", "kept", "busybox", "echo", "runs").out == "runs\n"
    sampan("network", "rm", "kept")


def test_a_firewall_that_was_flushed_is_back(daemon: Daemon, sampan: Client) -> None:
    table = daemon.names.table

    def rules() -> int:
        listed = subprocess.run(["nft", "list", "table", "inet", table], capture_output=True, text=True)
        return listed.stdout.count("\n")

    before = rules()
    for command in (["delete", "table", "inet", table], ["flush", "table", "inet", table]):
        subprocess.run(["nft", *command], check=True)
        assert until(lambda: rules() == before, 1)
    assert sampan("run", "--rm", "busybox", "echo", "runs").out == "runs\n"


def _start_resolver(run_root: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """As the launcher does; the socket is told when it listens."""
    program = Path(sampan_resolver.__file__).parent / "__main__.py"
    libraries = str(Path(dnslib.__file__).parent.parent)
    command = [sys.executable, "-I", "-S", program, str(program.parents[2]), libraries, str(run_root)]
    ours, theirs = socket.socketpair()
    with theirs:
        started = subprocess.Popen(command, stdin=theirs)
    ours.settimeout(10 * FACTOR)
    return started, ours


def test_one_that_nobody_waits_for_any_more_ends(tmp_path: Path) -> None:
    """Its predecessor goes on, or has just ended."""
    (tmp_path / "containers").mkdir()
    first, ready = _start_resolver(tmp_path)
    assert ready.recv(1) == b"1"
    with ready, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as held:
        held.connect(str(tmp_path / "resolver.sock"))
        second, waits = _start_resolver(tmp_path)
        waits.close()
        assert second.wait(10 * FACTOR) == 0
        third, waits = _start_resolver(tmp_path)
        first.kill()
        first.wait()
        with waits:
            assert waits.recv(1) == b"1"
    third.kill()
    third.wait()
    fourth, waits = _start_resolver(tmp_path)
    waits.close()
    assert fourth.wait(10 * FACTOR) == 0
    assert not (tmp_path / "resolver.sock").exists()
