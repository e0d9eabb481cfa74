"""The process: who it is, what it may, what it inherits, how it fails to start, and exec."""

import os
import re
import signal
import struct
import termios
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest

from sampan.linux import capability
from sampan.oci import runtime as defaults
from sampan.runtime import container
from sampan.runtime.failure import OciError

pytestmark = pytest.mark.root


def _status(text: str) -> dict[str, str]:
    return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def test_capabilities_are_dockers(box: Any) -> None:
    """CVE-2022-24769: the inheritable set is empty."""
    status = _status(box.run(box.spec("cat", "/proc/self/status")).output)
    wanted = "00000000a80425fb"
    assert (status["CapBnd"], status["CapPrm"], status["CapEff"]) == (wanted, wanted, wanted)
    assert (status["CapInh"], status["CapAmb"]) == ("0" * 16, "0" * 16)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("0", "0")


def test_a_user_has_none(box: Any) -> None:
    spec = box.spec("cat", "/proc/self/status")
    spec["process"]["user"]["username"] = "bob"
    status = _status(box.run(spec, box.launch(seccomp=box.default_filter())).output)
    assert (status["CapPrm"], status["CapEff"]) == ("0" * 16, "0" * 16)
    assert status["Uid"].split() == ["1000"] * 4
    assert status["Groups"].split() == ["10", "1000"]
    assert status["Seccomp"] == "2"


def test_ambient_capabilities_reach_a_user(box: Any) -> None:
    spec = box.spec("cat", "/proc/self/status")
    spec["process"]["user"]["username"] = "1000"
    for kind in ("inheritable", "ambient"):
        spec["process"]["capabilities"][kind] = ["CAP_NET_BIND_SERVICE"]
    assert _status(box.run(spec).output)["CapEff"] == "0000000000000400"


def test_nothing_is_inherited(box: Any) -> None:
    """What CPython and the test runner have set up: SIGPIPE and SIGXFSZ ignored, a umask, descriptors."""
    before = os.umask(0o077)
    leaked = os.open("/", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        script = "grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status; umask; ls -l /proc/self/fd; env"
        output = box.run(box.spec(script=script)).output
    finally:
        signal.signal(signal.SIGHUP, old)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        os.close(leaked)
        os.umask(before)
    status = _status(output)
    assert {status["SigIgn"], status["SigBlk"], status["SigCgt"]} == {"0" * 16}
    assert "\n0022\n" in output
    # ls itself has the directory open as 3.
    assert re.findall(r" (\d+) -> (\S+)", output)[0] == ("0", "/dev/null")
    assert len(re.findall(r" \d+ -> pipe:", output)) == 2
    assert {line.split("=")[0] for line in output.splitlines() if re.match(r"[A-Z]+=", line)} <= {
        "PATH", "HOME", "PWD", "SHLVL", "OLDPWD",
    }  # fmt: skip


def test_a_waiting_process_holds_nothing_of_the_host(box: Any) -> None:
    """CVE-2024-21626, as runc's create.bats:48."""
    with box.created(box.spec("sleep", "100")) as (made, _):
        links = [os.readlink(f"/proc/{made.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{made.pid}/fd")]
        assert len(links) == 4
        assert all(re.match(r"(pipe|socket):|/dev/null$", link) for link in links), links
        assert Path(f"/proc/{made.pid}/status").read_text().count("CapInh:\t0000000000000000") == 1
        # Not dumpable: its files in /proc are root's alone, whoever it will be.
        assert os.stat(f"/proc/{made.pid}/environ").st_uid == 0
        container.start(made)


def test_seccomp_bites(box: Any) -> None:
    script = "unshare -m true; mount -t tmpfs x /tmp; hostname other; date -s 1980-01-01"
    output = box.run(box.spec(script=script), box.launch(seccomp=box.default_filter())).output
    assert output.count("Operation not permitted") + output.count("are you root") == 4
    status = _status(
        box.run(box.spec("cat", "/proc/self/status"), box.launch(seccomp=box.default_filter())).output
    )
    assert (status["Seccomp"], status["Seccomp_filters"]) == ("2", "1")


def test_no_new_privileges(box: Any) -> None:
    spec = box.spec("cat", "/proc/self/status")
    spec["process"]["noNewPrivileges"] = True
    status = _status(box.run(spec, box.launch(seccomp=box.default_filter())).output)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", "0 0 0 /root"),
        ("bob", "1000 1000 1000 10 /home/bob"),
        ("1000", "1000 1000 1000 10 /home/bob"),
        ("bob:10", "1000 10 10 /home/bob"),
        ("1", "1 0 0 /"),  # /etc/passwd of the image calls root "1"
        ("77:88", "77 88 88 /"),
    ],
)
def test_users(box: Any, user: str, expected: str) -> None:
    for_exec = box.spec(script="echo $(id -u) $(id -g) $(id -G) $HOME")
    for_exec["process"]["user"]["username"] = user
    groups = box.run(for_exec).output.split()
    wanted = expected.split()
    assert (groups[:2], set(groups[2:-1]), groups[-1]) == (wanted[:2], set(wanted[2:-1]), wanted[-1])


def test_numbers_as_numbers(box: Any) -> None:
    spec = box.spec("id")
    spec["process"]["user"] = {"uid": 1000, "gid": 4, "additionalGids": [10, 77]}
    assert box.run(spec).output.strip() == "uid=1000(bob) gid=4 groups=4,10(wheel),77"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'),
        (["/nosuch"], 127, 'exec: "/nosuch": stat /nosuch: no such file or directory'),
        (["./rel"], 127, 'exec: "./rel": stat ./rel: no such file or directory'),
        (["/etc/passwd/x"], 127, 'exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory'),
        (["/tmp"], 126, 'exec: "/tmp": is a directory'),
        (["/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'),
        (["/tmp/garbage"], 126, "exec /tmp/garbage: exec format error"),
        (["/tmp/interpreter"], 127, "exec /tmp/interpreter: no such file or directory"),
        (["true", "x" * 200000], 126, "exec /bin/true: argument list too long"),
        ([""], 127, 'exec: "": executable file not found in $PATH'),
    ],
)
def test_why_it_does_not_start(box: Any, arguments: list[str], code: int, sentence: str) -> None:
    for name, text in (("garbage", "nothing\n"), ("interpreter", "#!/nosuch\n")):
        (box.layer / "tmp" / name).write_text(text)
        (box.layer / "tmp" / name).chmod(0o755)
    with pytest.raises(OciError) as caught:
        box.run(box.spec(*arguments))
    assert caught.value.exit_code == code
    assert "OCI runtime create failed" in str(caught.value)
    assert str(caught.value).endswith(sentence)
    with box.created(box.spec("sleep", "100")) as (made, _):
        container.start(made)
        with pytest.raises(OciError) as caught:
            box.execute(made, box.spec(*arguments)["process"])
        assert caught.value.exit_code == code
        assert str(caught.value).startswith("OCI runtime exec failed: exec failed: ")
        assert str(caught.value).endswith(sentence)


def test_the_path_is_searched_past_what_cannot_run(box: Any) -> None:
    (box.layer / "first/true").mkdir(parents=True)
    (box.layer / "second").mkdir()
    (box.layer / "second/true").write_text("no")
    spec = box.spec("true")
    spec["process"]["env"] = ["PATH=/nosuch:/first:/second:/bin"]
    assert box.run(spec).code == 0


def test_a_script_without_interpreter_line_is_refused_and_with_one_runs(box: Any) -> None:
    (box.layer / "tmp/script").write_text("#!/bin/sh\necho $0 $1\n")
    (box.layer / "tmp/script").chmod(0o755)
    assert box.run(box.spec("/tmp/script", "x")).output == "/tmp/script x\n"


def test_the_working_directory(box: Any) -> None:
    spec = box.spec("pwd")
    spec["process"]["cwd"] = "/made/for/us"
    assert box.run(spec).output == "/made/for/us\n"
    spec["process"]["cwd"] = "/etc/passwd"
    with pytest.raises(OciError, match=r'chdir to cwd \("/etc/passwd"\) set in config.json failed'):
        box.run(spec)


@pytest.mark.parametrize("number", [0, 1, 3, 255])
def test_exit_codes(box: Any, number: int) -> None:
    assert box.run(box.spec(script=f"exit {number}")).code == number


def test_namespaces_are_its_own(box: Any) -> None:
    links = box.run(
        box.spec(script="for n in mnt pid net uts ipc; do readlink /proc/self/ns/$n; done; hostname")
    ).output
    *inside, hostname = links.split()
    assert hostname == "box"
    outside = [os.readlink(f"/proc/self/ns/{name}") for name in ("mnt", "pid", "net", "uts", "ipc")]
    assert all(a != b for a, b in zip(inside, outside, strict=True))


def test_the_network_of_another_container(box: Any) -> None:
    spec = box.spec(script="readlink /proc/self/ns/net; ip -o link | wc -l")
    spec["linux"]["namespaces"] = [
        {"type": "network", "path": "/proc/self/ns/net"} if n["type"] == "network" else n
        for n in spec["linux"]["namespaces"]
    ]
    del spec["linux"]["sysctl"]
    assert box.run(spec).output.split()[0] == os.readlink("/proc/self/ns/net")


def test_the_processes_of_another_container(box: Any, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = type(box)(tmp_path / "other", f"{box.name}-other")
    with box.created(box.spec("sleep", "100")) as (made, _):
        container.start(made)
        spec = other.spec(script="ps -o args; readlink /proc/self/ns/pid")
        spec["linux"]["namespaces"] = [
            {"type": "pid", "path": f"/proc/{made.pid}/ns/pid"} if n["type"] == "pid" else n
            for n in spec["linux"]["namespaces"]
        ]
        output = other.run(spec).output
        assert "sleep 100" in output
        assert output.split()[-1] == os.readlink(f"/proc/{made.pid}/ns/pid")
    assert os.readlink("/proc/self/ns/pid_for_children") == os.readlink("/proc/self/ns/pid")


def test_all_capabilities_and_all_devices(box: Any) -> None:
    """--privileged: what this machine has of it."""
    spec = box.spec(
        script="grep CapEff /proc/self/status; (: < /dev/kmsg) && echo open; mount -t tmpfs t /tmp"
    )
    spec["linux"]["devices"] = [
        {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o600}
    ]
    assert "Operation not permitted" in box.run(spec).output
    for kind in ("bounding", "effective", "permitted"):
        spec["process"]["capabilities"][kind] = list(capability.NAMES)
    spec["linux"]["resources"]["devices"] = [dict(defaults.ALLOW_ALL_DEVICES)]
    spec["linux"]["maskedPaths"] = spec["linux"]["readonlyPaths"] = []
    own = _status(Path("/proc/self/status").read_text())["CapBnd"]
    assert box.run(spec).output.splitlines() == [f"CapEff:\t{own}", "open"]


def test_loopback_is_up_and_sysctls_are_set(box: Any) -> None:
    script = "cat /sys/class/net/lo/flags /proc/sys/net/ipv4/ip_unprivileged_port_start"
    assert box.run(box.spec(script=script)).output.split() == ["0x9", "0"]


def test_limits(box: Any) -> None:
    spec = box.spec(script="ulimit -n; ulimit -Hn")
    spec["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    assert box.run(spec).output.split() == ["100", "200"]


def test_a_standard_stream_can_be_opened_anew_by_a_user(box: Any) -> None:
    spec = box.spec(script="echo hello > /dev/stdout")
    spec["process"]["user"]["username"] = "bob"
    assert box.run(spec).output == "hello\n"


def _terminal(box: Any, script: str) -> dict[str, Any]:
    spec: dict[str, Any] = box.spec(script=script)
    spec["process"] |= {"terminal": True, "consoleSize": {"height": 33, "width": 99}}
    return spec


def test_a_terminal_of_its_own(box: Any) -> None:
    """CVE-2025-52565: by descriptors, from its own devpts."""
    script = (
        "tty; stty size; ls -l /dev/console | awk '{print $1, $5 $6}';"
        ": < /dev/console && read x < /dev/tty; echo got $x"
    )
    with box.created(_terminal(box, script)) as (made, _):
        assert made.console is not None
        container.start(made)
        os.write(made.console, b"line\n")
        output = b""
        while b"got line" not in output:
            output += os.read(made.console, 4096)
    lines = output.decode().split("\r\n")
    assert "/dev/pts/0" in lines
    assert "33 99" in lines
    assert "crw--w---- 136,0" in lines


def test_a_terminal_resizes_and_carries_signals(box: Any) -> None:
    script = (
        "trap 'stty size' WINCH; trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 1; done"
    )
    with box.created(_terminal(box, script)) as (made, _):
        container.start(made)
        output = b""
        while b"ready" not in output:
            output += os.read(made.console, 4096)
        ioctl(made.console, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
        while b"10 20" not in output:
            output += os.read(made.console, 4096)
        os.write(made.console, b"\x03")
        while b"interrupted" not in output:
            output += os.read(made.console, 4096)
        _, status = os.waitpid(made.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def test_exec(box: Any) -> None:
    with box.created(box.spec("sleep", "100")) as (made, _):
        container.start(made)
        script = (
            "for n in mnt pid net uts ipc cgroup; do readlink /proc/self/ns/$n; readlink /proc/1/ns/$n; done;"
            "cat /proc/self/cgroup; cat /proc/1/cgroup; cat /proc/self/status; ls -l /proc/self/fd"
        )
        result = box.execute(made, box.spec(script=script)["process"])
        lines = result.output.splitlines()
        spaces, rest = lines[:12], lines[12:]
        assert spaces[0::2] == spaces[1::2]
        groups = [line for line in rest if re.match(r"\d+:", line)]
        assert groups[: len(groups) // 2] == groups[len(groups) // 2 :]
        status = _status(result.output)
        assert status["CapEff"] == "00000000a80425fb"
        assert {status["SigIgn"], status["SigBlk"]} == {"0" * 16}
        assert box.execute(made, box.spec(script="exit 9")["process"]).code == 9
        # The next children of ours are none of the container's.
        assert os.readlink("/proc/self/ns/pid_for_children") == os.readlink("/proc/self/ns/pid")


def test_exec_with_a_terminal(box: Any) -> None:
    with box.created(box.spec("sleep", "100")) as (made, _):
        container.start(made)
        process = _terminal(box, "tty; stty size; exit 3")["process"]
        result = box.execute(made, process)
        assert result.output.split() == ["/dev/pts/0", "33", "99"]
        assert result.code == 3


def test_exec_in_a_container_that_has_ended(box: Any) -> None:
    with box.created(box.spec("true")) as (made, _):
        container.start(made)
        os.waitpid(made.pid, 0)
        with pytest.raises(OciError):
            box.execute(made, box.spec("true")["process"])


def test_exec_is_refused_after_a_wrong_user(box: Any) -> None:
    with box.created(box.spec("sleep", "100")) as (made, _):
        container.start(made)
        process = box.spec("true")["process"]
        process["user"] = {"uid": 0, "gid": 0, "username": "nobody"}
        with pytest.raises(OciError, match="unable to find user nobody: no matching entries in passwd file"):
            box.execute(made, process)


def test_no_file_is_opened_by_name_that_the_image_could_lay(box: Any) -> None:
    """Hazard K1: code of the image must not run in us. Every place that Python or libc would look into."""
    marker = "import os; os.open('/MARKER', os.O_CREAT)\n"
    import sys

    for entry in {*sys.path, "/usr/lib/python3.11", "/usr/lib/python3.11/encodings"}:
        if entry.startswith("/") and not os.path.isfile(entry):
            place = box.layer / entry.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            for name in ("sitecustomize", "linecache", "traceback", "encodings", "errno", "pwd", "idna"):
                (place / f"{name}.py").write_text(marker)
    (box.layer / "etc/ld.so.preload").write_text("/evil.so\n")
    (box.layer / "etc/nsswitch.conf").write_text("passwd: evil\n")
    for user in ("bob", "nobody", "4294967296"):
        spec = box.spec("nosuch" if user == "bob" else "true")
        spec["process"]["user"]["username"] = user
        with pytest.raises(OciError):
            box.run(spec)
    assert not (box.upper / "MARKER").exists()


def test_a_failure_at_each_step_leaves_nothing(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The `box` fixture looks for what is left."""
    from sampan.runtime import setup

    for kind in list(setup._DO):

        def fail(_step: Any, _stage: Any, kind: type = kind) -> None:
            raise OSError(28, f"no space for {kind.__name__}")

        with monkeypatch.context() as patch:
            patch.setitem(setup._DO, kind, fail)
            try:
                box.run(box.spec("true"))
            except OciError as error:
                assert "No space left on device" in str(error)
                assert error.exit_code == 128


def test_a_failure_of_ours_leaves_nothing(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (container.cgroups, "limit"),
        (container.netns, "plumb"),
        (container, "_ready"),
    ):

        def fail(*_: Any, name: str = name) -> None:
            raise OSError(5, f"injected into {name}")

        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            with pytest.raises(OciError, match="OCI runtime create failed"):
                box.run(box.spec("true"))
