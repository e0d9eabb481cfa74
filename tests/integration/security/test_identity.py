"""Who a process is and what it inherits: A15, A17, A18, A20, A21, A22, A23, and H2, H3, H5."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.attacks import rounds, tree
from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import fresh
from harness.probes import mounted

_ROOT_BY_NAME = ("1", "1000", "4294967296", "2147483648", "01", "-1")


@pytest.fixture
def tricky(sampan: Client) -> Iterator[tuple[str, str]]:
    """An image whose passwd gives uid 0 to whoever is called like a number."""
    name = fresh("hostile")
    lines = "".join(f"{user}:x:0:0::/:/bin/sh\n" for user in _ROOT_BY_NAME)
    passwd = f"root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n{lines}"
    group = "root:x:0:\nuser:x:1000:\na:x:2001:user\nb:x:2002:user\nzero:x:0:\n"
    sampan("import", "-", name, stdin=tree(("etc/passwd", passwd), ("etc/group", group)))
    container = sampan("run", "-d", name, "sleep", "1000").out.strip()
    yield name, container
    sampan("rm", "-f", container)
    sampan("rmi", "-f", name)


# User → "uid:gid" it runs as, None: refused. A number is never looked up as a name (CVE-2026-46680).
_USERS: dict[str, str | None] = {
    "1": "1:0",
    "1000": "1000:1000",
    "01": "1:0",
    "2147483647": "2147483647:0",
    "2147483648": None,
    "4294967295": None,
    "4294967296": None,
    "99999999999999999999": None,
    "-1": None,
    "1:": "1:0",
    ":1": "0:1",
    "1:2": "1:2",
    "user": "1000:1000",
    "user:b": "1000:2002",
    "nobody-here": None,
    "user:nobody-here": None,
    "1:4294967296": None,
    "1:-1": None,
    " 1": None,
    "1 ": None,
    "9_9": None,
    "٤": None,
    "²": None,
}


def test_users_are_what_the_table_says(sampan: Client, tricky: tuple[str, str]) -> None:
    image, container = tricky
    wrong = {}
    for user, wanted in _USERS.items():
        for words in (["run", "--rm", f"--user={user}", image], ["exec", f"--user={user}", container]):
            done = sampan(*words, "sh", "-c", "echo at $(id -u):$(id -g)", check=False)
            seen = done.out.removeprefix("at ").strip() if done.code == 0 else None
            if seen != wanted or (wanted is None and done.out.startswith("at ")):
                wrong[words[0], user] = seen
    assert wrong == {}


def test_groups_are_the_users_and_nobody_elses(sampan: Client, tricky: tuple[str, str]) -> None:
    """CVE-2022-36109, CVE-2023-25173: all his groups and none of the daemon's; a group may be shut out."""
    image, container = tricky
    groups = "grep ^Groups /proc/self/status"
    for words in (["run", "--rm", "-u", "user", image], ["exec", "-u", "user", container]):
        assert sampan(*words, "sh", "-c", "id -G").out.split() == ["1000", "2001", "2002"]
    assert sampan("run", "--rm", "-u", "7:8", "busybox", "sh", "-c", groups).out.split() == ["Groups:", "8"]
    shut = "umask 0; echo x > /f; chmod 0707 /f; chgrp 2001 /f"
    sampan("exec", container, "/bin/busybox", "sh", "-c", shut.replace("ch", "/bin/busybox ch"))
    assert sampan("exec", "-u", "user", container, "cat", "/f", check=False).code == 1


_INHERITED = {
    "umask": ["0022"],
    "cwd": ["/"],
    "pdeathsig": ["0"],
    "dumpable": ["1"],
    "timerslack": ["50000"],
    "keepcaps": ["0"],
    "securebits": ["0"],
    "subreaper": ["0"],
    "no_new_privs": ["0"],
    "personality": ["0"],
    "nice": ["0"],
    "policy": ["0"],
    "leader": ["1"],
    "fd": ["0", "1", "2"],
    "keyring": ["own"],
}


@pytest.mark.parametrize("terminal", [[], ["-t"]], ids=["plain", "terminal"])
def test_nothing_of_the_daemon_is_inherited(sampan: Client, terminal: list[str]) -> None:
    """What dockerd 20.10 with runc gives, was asked of it with the same probe."""
    flags = [*mounted("inherit"), "--security-opt", "seccomp=unconfined"]
    name = sampan("run", "-d", *flags, "busybox", "sleep", "1000").out.strip()
    try:
        for words in (["run", "--rm", *terminal, *flags, "busybox"], ["exec", *terminal, name]):
            found: dict[str, list[str]] = {}
            for line in sampan(*words, "/inherit").out.splitlines():
                key, _, value = line.strip().partition(" ")
                found.setdefault(key, []).append(value)
            assert {key: sorted(values) for key, values in found.items()} == _INHERITED, words
    finally:
        sampan("rm", "-f", name)


def test_nothing_can_be_typed_into_the_callers_terminal(sampan: Client) -> None:
    """CVE-2016-9962's neighbour: TIOCSTI and TIOCLINUX reach the container's own pty, or nothing."""
    screen = sampan.terminal("run", "--rm", "-it", *mounted("inject"), "busybox", "/inject", "touched\n")
    screen.expect("console 2 ")
    assert screen.wait() == 0
    done = sampan("run", "--rm", "-i", *mounted("inject"), "busybox", "/inject", "touched\n")
    answers = dict(line.rsplit(" ", 1) for line in done.out.splitlines())
    assert answers == {
        "tty": str(errno.ENXIO),
        **{str(fd): str(errno.ENOTTY) for fd in range(3)},
        **{f"console {fd}": str(errno.ENOTTY) for fd in range(3)},
    }


def test_a_container_in_the_machines_network_finds_no_socket_of_ours(sampan: Client, daemon: Daemon) -> None:
    """CVE-2020-15257: no abstract sockets; those with a path are root's alone."""
    sampan("run", "--rm", "--net", "host", "busybox", "true")
    name = sampan("run", "-d", "--net", "host", "busybox", "sleep", "1000").out.strip()
    try:
        listed = sampan("exec", name, "cat", "/proc/net/unix").out
        assert "@" not in "".join(line for line in listed.splitlines() if "sampan" in line)
        paths = [Path(line.split()[-1]) for line in listed.splitlines() if str(daemon.root) in line]
        assert paths, "not even the daemon's own is listed: it proves nothing"
        for path in paths:
            mode = path.stat().st_mode
            assert stat.S_IMODE(mode) & 0o007 == 0, path
            if path != daemon.socket:
                assert any(stat.S_IMODE(parent.stat().st_mode) & 0o011 == 0 for parent in path.parents), path
            assert sampan("exec", name, "ls", str(path), check=False).code == 1
    finally:
        sampan("rm", "-f", name)


@pytest.mark.parametrize("propagation", ["rprivate", "rslave", "rshared", "private", "slave", "shared"])
def test_the_machines_mounts_are_as_before(sampan: Client, tmp_path: Path, propagation: str) -> None:
    root = sampan.environment["DOCKER_HOST"].removeprefix("unix://").removesuffix("/sock")

    def concerned() -> list[str]:  # others mount things meanwhile
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line for line in lines if root in line or str(tmp_path) in line]

    before = concerned()
    for _ in rounds(2):
        mounts = ["--mount", f"type=bind,src={tmp_path},dst=/x,bind-propagation={propagation}"]
        sampan("run", "--rm", "-v", "/y", "--tmpfs", "/z", *mounts, "busybox", "true", check=False)
    assert concerned() == before


def test_no_variable_reaches_another_container(sampan: Client) -> None:
    """CVE-2021-21334."""
    secrets = [os.urandom(8).hex() for _ in rounds(8)]
    for secret in secrets:
        seen = sampan("run", "--rm", "-e", f"S{secret}={secret}", "busybox", "env").out
        assert [one for one in secrets if one in seen] == [secret]


@pytest.mark.parametrize(
    "key",
    [
        "kernel.core_pattern",
        "kernel/core_pattern",
        "kernel.sysrq",
        "fs.suid_dumpable",
        "vm.overcommit_memory",
        "net/../kernel/core_pattern",
        "net.ipv4.../../../kernel.core_pattern",
    ],
)
def test_sysctls_of_the_machine_are_refused(sampan: Client, key: str) -> None:
    machine = Path("/proc/sys/kernel/core_pattern").read_text()
    done = sampan("run", "--rm", "--sysctl", f"{key}=|/x", "busybox", "true", check=False)
    assert done.code == 125, done
    for words in (
        ["--net", "host", "--sysctl", "net.ipv4.ip_forward=0"],
        ["--ipc", "host", "--sysctl", "fs.mqueue.msg_max=10"],
    ):
        assert sampan("run", "--rm", *words, "busybox", "true", check=False).code == 125
    assert Path("/proc/sys/kernel/core_pattern").read_text() == machine


_CAPABILITIES: dict[tuple[str, ...], int | None] = {
    ("--cap-add", "net_admin"): 0xA80435FB,
    ("--cap-add", "CAP_net_ADMIN"): 0xA80435FB,
    ("--cap-drop", "all"): 0,
    ("--cap-drop", "All", "--cap-add", "chown"): 1,
    ("--cap-add", "chown"): 0xA80425FB,
    ("--cap-drop", "chown", "--cap-add", "chown"): 0xA80425FB,
    ("--cap-add", "foo"): None,
    ("--cap-drop", "foo"): None,
    ("--cap-add", ""): None,
    ("--cap-add", "CAP_CAP_CHOWN"): None,
    ("--cap-add", "chown "): None,
}


@pytest.mark.parametrize("flags", _CAPABILITIES, ids=" ".join)
def test_capabilities_are_parsed_as_docker_does(sampan: Client, flags: tuple[str, ...]) -> None:
    done = sampan("run", "--rm", *flags, "busybox", "grep", "CapBnd", "/proc/self/status", check=False)
    if _CAPABILITIES[flags] is None:
        assert done.code == 125
        assert "unknown capability" in done.err
    else:
        assert int(done.out.split()[1], 16) == _CAPABILITIES[flags]
