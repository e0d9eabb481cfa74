"""What the flags of `run` give and forbid: devices, disks, system calls, kernel parameters, namespaces."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import inspect

Run = Callable[..., str]
V1 = Path("/sys/fs/cgroup/memory").exists()

UNUSED = "mknod /x c 5 64; sh -c ': </x' 2>&1 | sed 's/.*: //'"  # a device that nobody has
PROCESSES = "awk '/processes/{print $3, $4}' /proc/self/limits"


def shell(cli: Client, *arguments: str) -> str:
    *flags, script = arguments
    return cli("run", "--rm", *flags, "busybox", "sh", "-c", script).out.rstrip("\n")


@pytest.mark.parametrize(
    ("flags", "script", "output"),
    [
        (["--device", "/dev/zero:/dev/x:r"], "head -c3 /dev/x | wc -c; ls -l /dev/x | cut -c1", "3\nc"),
        (["--device", "/dev/net:/dev/mine"], "ls /dev/mine", "tun"),
        ([], "mknod /x c 1 11; head -c1 /x 2>/dev/null || echo refused", "refused"),
        (["--device-cgroup-rule", "c 5:* rwm"], f"{UNUSED}", "No such device or address"),
        ([], f"{UNUSED}", "Operation not permitted"),
        (["--uts", "host"], "hostname", os.uname().nodename),
        (["--domainname", "example.org"], "cat /proc/sys/kernel/domainname", "example.org"),
        (["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj", "500"),
        (["--group-add", "7", "--group-add", "root"], "id -G", "0 7"),
        (["--sysctl", "kernel.msgmax=1234"], "cat /proc/sys/kernel/msgmax", "1234"),
        (["--sysctl", "net.core.somaxconn=77"], "cat /proc/sys/net/core/somaxconn", "77"),
        (["--ulimit", "core=0", "--ulimit", "nproc=55"], f"ulimit -c; {PROCESSES}", "0\n55 55"),
        (
            ["--add-host", "a:1.2.3.4", "--add-host", "b:host-gateway"],
            "grep -c -E '\\s[ab]$' /etc/hosts",
            "2",
        ),
        (["--mac-address", "02:00:00:00:00:99"], "cat /sys/class/net/eth0/address", "02:00:00:00:00:99"),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else "",
)
def test_flag(cli: Client, flags: list[str], script: str, output: str) -> None:
    assert shell(cli, *flags, script) == output


def test_unmasked_paths(cli: Client) -> None:
    bare = ("--security-opt", "systempaths=unconfined")
    assert shell(cli, *bare, "ls /sys/firmware | wc -l") == str(len(os.listdir("/sys/firmware")))
    assert shell(cli, "ls /sys/firmware | wc -l") == "0"


def test_namespaces_of_the_machine(cli: Client) -> None:
    kinds = {"uts": ["--uts", "host"], "pid": ["--pid", "host"], "ipc": ["--ipc", "host"]}
    for kind, flags in kinds.items():
        assert shell(cli, *flags, f"readlink /proc/self/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
        assert shell(cli, f"readlink /proc/self/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")


def test_namespaces_of_another_container(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "1000")
    joined = shell(cli, "--pid", f"container:{name}", "cat /proc/1/cmdline | tr '\\0' ' '")
    assert joined == "sleep 1000 "
    address = inspect(cli, name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert address in shell(cli, "--network", f"container:{name}", "ip addr show eth0")


@pytest.mark.skipif(not V1, reason="looks at files of cgroup v1")
def test_block_io_of_v1(cli: Client) -> None:
    disk = "/dev/vda" if Path("/dev/vda").exists() else "/dev/sda"
    number = os.stat(disk).st_rdev
    name = f"{os.major(number)}:{os.minor(number)}"
    flags = []
    rates = (("read-bps", "1gb"), ("write-bps", "2gb"), ("read-iops", "7000"), ("write-iops", "8000"))
    for kind, rate in rates:
        flags += [f"--device-{kind}", f"{disk}:{rate}"]
    files = [f"blkio.throttle.{kind}_device" for kind in ("read_bps", "write_bps", "read_iops", "write_iops")]
    wanted = [f"{name} {rate}" for rate in (1 << 30, 2 << 30, 7000, 8000)]
    script = "cd /sys/fs/cgroup/blkio; cat " + " ".join(files)
    assert shell(cli, *flags, script).splitlines() == wanted


@pytest.mark.skipif(V1, reason="looks at files of cgroup v2")
def test_block_io_of_v2(cli: Client) -> None:
    disk = next(path for path in ("/dev/vda", "/dev/sda", "/dev/nvme0n1") if Path(path).exists())
    found = shell(cli, "--device-read-bps", f"{disk}:1mb", "cat /sys/fs/cgroup/io.max")
    assert "rbps=1048576" in found


@pytest.mark.skipif(not V1, reason="looks at files of cgroup v1")
def test_memory_knobs_of_v1(cli: Client) -> None:
    script = "cd /sys/fs/cgroup/memory; cat memory.swappiness; head -n1 memory.oom_control"
    flags = ("--memory-swappiness", "30", "--oom-kill-disable", "-m", "64m")
    assert shell(cli, *flags, script) == "30\noom_kill_disable 1"


def test_what_is_discarded_is_told(cli: Client) -> None:
    result = cli("run", "--rm", "--oom-kill-disable", "busybox", "true")
    assert result.err.startswith("WARNING: ")
    assert "oom" in result.err.lower()


PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {
            "names": ["chmod", "fchmodat"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 1, "value": 0o711, "op": "SCMP_CMP_EQ"}],
            "excludes": {"caps": ["CAP_SYS_TIME"]},
        },
        {"names": ["unlink", "unlinkat"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}},
        {"names": ["rename"], "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["s390x"]}},
    ],
}


def test_a_seccomp_profile_of_ones_own(cli: Client, container: Run, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE))
    script = (
        "mkdir /x 2>&1 | sed 's/.*: //'; chmod 711 /tmp 2>/dev/null || echo refused;"
        " chmod 755 /tmp && echo set; touch /a && mv /a /b && rm /b && echo removed;"
        " grep Seccomp: /proc/self/status | cut -f2"
    )
    option = ("--security-opt", f"seccomp={path}")
    assert shell(cli, *option, script).splitlines() == [
        "No space left on device",
        "refused",
        "set",
        "removed",
        "2",
    ]
    assert shell(cli, *option, "--cap-add", "SYS_TIME", "chmod 711 /tmp && echo set") == "set"
    name = container(*option, "busybox", "sleep", "1000")
    result = cli("exec", name, "mkdir", "/x", check=False)
    assert (result.code, "No space left on device" in result.err) == (1, True)
    assert cli("exec", "--privileged", name, "mkdir", "/x").code == 0


def test_exec_honours_the_oom_score_and_its_own_flags(cli: Client, container: Run, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=1\n# nothing\nB=two words\n")
    name = container("--oom-score-adj", "321", "busybox", "sleep", "1000")
    assert cli("exec", name, "cat", "/proc/self/oom_score_adj").out == "321\n"
    flags = ("-u", "33:44", "-w", "/usr", "--env-file", f"{tmp_path}/env", "-e", "B=3")
    script = "id -u; id -g; pwd; echo $A $B"
    assert cli("exec", *flags, name, "sh", "-c", script).out == "33\n44\n/usr\n1 3\n"
    ps = cli("exec", "--privileged", name, "grep", "CapEff", "/proc/self/status").out
    assert int(ps.split()[1], 16) > 0xA80425FB


WRONG = {
    "--security-opt foo": 'Invalid --security-opt: "foo"',
    "--security-opt foo=bar": 'invalid --security-opt 2: "foo=bar"',
    "--security-opt no-new-privileges:x": 'invalid --security-opt 2: "no-new-privileges:x"',
    "--security-opt seccomp=/nope": "opening seccomp profile (/nope) failed: open /nope: no such file",
    "--device /dev/nope": 'while adding custom device "/dev/nope": no such file or directory',
    "--device /dev/null:/dev/x:q": "bad mode specified: q",
    "--device a:b:c:d": "bad format for path: a:b:c:d",
    "--device-cgroup-rule x": "invalid device cgroup format 'x'",
    "--device-read-bps /dev/nope:1": "stat /dev/nope: no such file or directory",
    "--device-read-bps x": "bad format: x",
    "--device-write-iops /dev/null:1k": "invalid rate for device: /dev/null:1k. The correct format is",
    "--blkio-weight-device /dev/null:5": "invalid weight for device: /dev/null:5",
    "--blkio-weight x": 'strconv.ParseUint: parsing "x": invalid syntax',
    "--userns foo": "--userns: invalid USER mode",
    "--pid foo": "--pid: invalid PID mode",
    "--uts foo": "--uts: invalid UTS mode",
    "--cgroupns foo": "--cgroupns: invalid CGROUP mode",
    "--isolation foo": "Invalid isolation: \"foo\" - linux only supports 'default'",
    "--memory-swappiness 101": "invalid value: 101. Valid memory swappiness range is 0-100",
    "--oom-score-adj 2000": "Invalid value 2000, range for oom score adj is [-1000, 1000]",
    "--storage-opt foo": "invalid storage option",
    "--gpus all": 'could not select device driver "" with capabilities: [[gpu]]',
    "--gpus x=y": "unexpected key 'x' in 'x=y'",
    "--ulimit foo=1": "invalid ulimit type: foo",
    "--ulimit nofile=2:1": "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
    "--sysctl foo=1": "sysctl 'foo=1' is not allowed",
    "--sysctl net.foo=1": "open /proc/sys/net/foo: no such file or directory",
    "--sysctl kernel.shmmax=1 --ipc host": 'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
    "--sysctl net.a=1 --network host": 'sysctl "net.a" not allowed in host network namespace',
    "--uts host -h foo": "conflicting options: hostname and the UTS mode",
    "--mac-address foo": "foo is not a valid mac address",
    "--group-add nope": "Unable to find group nope: no matching entries in group file",
    "--label-file /nope": "open /nope: no such file or directory",
    "--tmpfs x": "invalid mount path: 'x' mount path must be absolute",
    "--mount type=foo,target=/x": 'invalid mount config for type "foo": mount type unknown',
    "--mount type=bind,source=/tmp": "target is required",
    "--volumes-from nope": "No such container: nope",
}


@pytest.mark.parametrize("flags", WRONG)
def test_wrong_values(cli: Client, flags: str) -> None:
    """Docker's words, and for a missing file the exit code of a missing program, as Docker's client has."""
    result = cli("run", "--rm", *flags.split(" "), "busybox", "true", check=False)
    assert WRONG[flags] in result.err
    missing = "Error response from daemon" in result.err and "no such file or directory" in result.err
    assert result.code == (127 if missing else 125)


def test_flags_of_another_system(cli: Client) -> None:
    result = cli("run", "--rm", "--cpu-count", "2", "busybox", "true", check=False)
    assert result.code == 1
    assert '"--cpu-count" is only supported on a Docker daemon running on windows' in result.err


@pytest.mark.since(28)
def test_the_socket_of_the_api(cli: Client) -> None:
    assert shell(cli, "--use-api-socket", "test -S /var/run/docker.sock && echo socket") == "socket"


@pytest.mark.since(28)
def test_writable_cgroups(cli: Client) -> None:
    place = "/sys/fs/cgroup/memory" if V1 else "/sys/fs/cgroup"
    script = f"mkdir {place}/mine && rmdir {place}/mine && echo made"
    flags = ("--security-opt", "writable-cgroups=true", "--cgroupns", "private")
    assert shell(cli, *flags, script) == "made"
    assert shell(cli, f"{script} 2>/dev/null || echo refused") == "refused"
