"""Options that change each other's meaning: namespaces, privileges, and what is refused (H4).

Each row is one `run`: which namespaces are the machine's or another container's, no_new_privs, seccomp, and
whether the capabilities are all of them. The same rows hold for a real dockerd.
"""

import os
import subprocess
from collections.abc import Callable

import pytest

from harness.clients import Client

Run = Callable[..., str]
KINDS = ("pid", "ipc", "uts", "net", "cgroup")
LOOK = """
for n in pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done
awk '/^(NoNewPrivs|Seccomp|CapEff):/{print $2}' /proc/self/status
"""
HOST = [os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS]
ALL = (1 << int(open("/proc/sys/kernel/cap_last_cap").read()) + 1) - 1  # noqa: SIM115
SHARED = {"pid": "--pid", "ipc": "--ipc", "uts": "--uts", "net": "--network", "cgroup": "--cgroupns"}
NNP = ("--security-opt", "no-new-privileges")
UNCONFINED = ("--security-opt", "seccomp=unconfined")


def answered(cli: Client, *arguments: str) -> list[str]:
    result = cli(*arguments, check=False)
    if "unable to apply caps" in result.err + result.out:
        pytest.skip("this engine insists on capabilities that the machine does not have")
    assert result.code == 0, result
    return result.out.split()


def look(cli: Client, *flags: str) -> tuple[set[str], dict[str, int]]:
    """(the namespaces that are the machine's, {"CapEff", "NoNewPrivs", "Seccomp"})."""
    lines = answered(cli, "run", "--rm", *flags, "busybox", "sh", "-c", LOOK)
    shared = {kind for kind, here, there in zip(KINDS, lines, HOST, strict=False) if here == there}
    capabilities, nnp, seccomp = lines[len(KINDS) :]
    return shared, {"all": int(capabilities, 16) == ours(), "nnp": int(nnp), "seccomp": int(seccomp)}


def ours() -> int:
    """A machine may have less than all of them (its bounding set)."""
    status = subprocess.run(["grep", "CapBnd", "/proc/self/status"], capture_output=True, text=True)
    return int(status.stdout.split()[1], 16) & ALL


def _words(value: tuple[str, ...] | set[str]) -> str:
    return " ".join(sorted(value) if isinstance(value, set) else value)  # the same in every process


PRIVILEGES = [
    ((), (False, 0, 2)),
    (("--privileged",), (True, 0, 0)),
    (NNP, (False, 1, 2)),
    (("--privileged", *NNP), (True, 1, 0)),
    (UNCONFINED, (False, 0, 0)),
    (("--privileged", *UNCONFINED), (True, 0, 0)),
    ((*NNP, *UNCONFINED), (False, 1, 0)),
    (("--cap-add", "ALL"), (True, 0, 2)),
    (("--cap-add", "ALL", *NNP), (True, 1, 2)),
    (("--security-opt", "no-new-privileges=false"), (False, 0, 2)),
]
SPACES = [
    ((), set()),
    (("--pid", "host"), {"pid"}),
    (("--ipc", "host"), {"ipc"}),
    (("--uts", "host"), {"uts"}),
    (("--network", "host"), {"net"}),
    (("--cgroupns", "host"), {"cgroup"}),
    (("--cgroupns", "private"), set()),
    (("--ipc", "private"), set()),
    (("--ipc", "none"), set()),
    (("--ipc", "shareable"), set()),
    (("--network", "none"), set()),
    (("--pid", "host", "--ipc", "host"), {"pid", "ipc"}),
    (("--network", "host", "--uts", "host"), {"net", "uts"}),
    (
        ("--pid", "host", "--ipc", "host", "--uts", "host", "--network", "host", "--cgroupns", "host"),
        set(KINDS),
    ),
]


@pytest.mark.parametrize(("flags", "wanted"), PRIVILEGES, ids=lambda value: " ".join(map(str, value)))
@pytest.mark.parametrize("shared", [(), ("--pid", "host"), ("--userns", "host")], ids="_".join)
def test_privileges(
    cli: Client, flags: tuple[str, ...], wanted: tuple[bool, int, int], shared: tuple[str, ...]
) -> None:
    _, seen = look(cli, *flags, *shared)
    assert (seen["all"], seen["nnp"], seen["seccomp"]) == wanted


@pytest.mark.parametrize(("flags", "wanted"), SPACES, ids=_words)
@pytest.mark.parametrize("privileged", [False, True], ids=["", "privileged"])
def test_namespaces(cli: Client, flags: tuple[str, ...], wanted: set[str], *, privileged: bool) -> None:
    shared, _ = (
        look(cli, *(["--privileged"] if privileged else []), *flags, "--cgroupns=private")
        if not any(flag == "--cgroupns" for flag in flags)
        else look(cli, *(["--privileged"] if privileged else []), *flags)
    )
    assert shared == wanted


@pytest.mark.parametrize("kind", ["pid", "ipc", "net"])
def test_anothers_namespace(cli: Client, container: Run, kind: str) -> None:
    ipc = ["--ipc", "shareable"] if kind == "ipc" else []
    other = container(*ipc, "busybox", "sleep", "600")
    theirs = cli("exec", other, "readlink", f"/proc/self/ns/{kind}").out
    flag = SHARED[kind]
    here = cli("run", "--rm", flag, f"container:{other}", "busybox", "readlink", f"/proc/self/ns/{kind}").out
    assert here == theirs


@pytest.mark.parametrize("kind", ["pid", "ipc", "net"])
def test_the_namespace_of_one_that_does_not_run(cli: Client, container: Run, kind: str) -> None:
    ipc = ["--ipc", "shareable"] if kind == "ipc" else []
    other = container(*ipc, "busybox", "true")
    cli("wait", other)
    result = cli("run", "--rm", SHARED[kind], f"container:{other}", "busybox", "true", check=False)
    assert result.code == 125
    assert "non running" in result.err or "is not running" in result.err


def test_anothers_private_ipc_is_not_joined(cli: Client, container: Run) -> None:
    other = container("--ipc", "private", "busybox", "sleep", "600")
    result = cli("run", "--rm", "--ipc", f"container:{other}", "busybox", "true", check=False)
    assert result.code == 125
    assert "non-shareable IPC" in result.err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--network", "host", "--uts", "host", "--hostname", "x"), "hostname and the UTS mode"),
        (("--network", "container:x", "-p", "80"), "port publishing and the container type network mode"),
        (("--network", "container:x", "--hostname", "x"), "hostname and the network mode"),
        (("--network", "container:x", "--dns", "1.1.1.1"), "conflicting options: dns and the network mode"),
        (("--network", "container:"), "invalid container format container:<name|id>"),
        (("--pid", "container:"), "invalid PID mode"),
        (("--pid", "nosuch"), "invalid PID mode"),
        (("--uts", "private"), "invalid UTS mode"),
        (("--pid", "container:nosuch"), "No such container: nosuch"),
        (("--ipc", "container:nosuch"), "No such container: nosuch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_is_refused(cli: Client, flags: tuple[str, ...], sentence: str) -> None:
    result = cli("run", "--rm", *flags, "busybox", "true", check=False)
    assert result.code == 125
    assert sentence.lower() in result.err.lower()


@pytest.mark.parametrize("privileged", [False, True])
def test_exec_privileged(cli: Client, container: Run, *, privileged: bool) -> None:
    name = container("busybox", "sleep", "600")
    flags = ["--privileged"] if privileged else []
    out = answered(cli, "exec", *flags, name, "awk", "/^(Seccomp|CapEff):/{print $2}", "/proc/self/status")
    assert (int(out[0], 16) == ours(), int(out[1])) == (privileged, 0 if privileged else 2)
