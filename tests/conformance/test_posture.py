"""What a container gets by default, beside Docker 28.5's values (moby oci/defaults.go, oci/caps/defaults.go,
runc libcontainer/specconv); `-s` prints the table. No difference, or a stricter one with its reason.

Seen with SAMPAN_REFERENCE: Debian 12's docker.io 20.10 with runc 1.1.5, Debian 13's 26.1 with runc 1.1.15.
What differs there is in `SINCE`; of 26.1 it is /proc/interrupts alone.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.clients import Client, ours, stock
from harness.daemon import Daemon
from harness.looking import fresh
from harness.posture import NAMESPACES, gather, gather_exec
from harness.reference import Reference

Facts = dict[str, str]
PURE = Path("/sys/fs/cgroup/cgroup.controllers").exists()
DEFAULT = 0xA80425FB
NO_NEW_DEVICE = "Operation not permitted"
_MKNOD = 1 << 27
MASKED = (
    *("asound", "acpi", "interrupts", "kcore", "keys", "latency_stats", "timer_list", "timer_stats"),
    *("sched_debug", "scsi"),
)
# Facts that are other in an older engine, and since when they are as expected here.
SINCE: dict[str, tuple[int, str]] = {
    "mount./proc/interrupts": (28, "masked since the advisory on interrupts"),
    "mount./sys/devices/virtual/powercap": (24, "masked since the advisory on powercap"),
    "mount./sys/devices/system/cpu/": (28, "thermal_throttle is masked with interrupts"),
    "sysctl.net.ipv6.conf.lo.disable_ipv6": (
        28,
        "the loopback interface keeps ::1 where the kernel has IPv6",
    ),
    "sysctl.net.ipv6.conf.all.disable_ipv6": (28, "as that"),
    "sysctl.net.ipv6.conf.default.disable_ipv6": (28, "as that"),
}


# Where we are stricter: what is there instead.
STRICTER: dict[str, tuple[str, str]] = {
    "mount./sys/fs/cgroup": ("tmpfs ro", "runc leaves the directory of the hierarchies writable"),
}


class Variant(NamedTuple):
    flags: list[str]
    changes: Facts | Callable[[Facts], None]


def _mask(path: str) -> str:
    if Path(path).is_dir():
        return "tmpfs ro"
    return "tmpfs nosuid,rw"  # the container's own /dev/null


def _masks() -> Facts:
    paths = [f"/proc/{name}" for name in MASKED]
    paths += ["/sys/firmware", "/sys/devices/virtual/powercap"]
    throttles = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle")
    return {f"mount.{path}": _mask(path) for path in (*paths, *map(str, throttles)) if Path(path).exists()}


def _nodes() -> Facts:
    devices = {"null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9", "tty": "5:0"}
    links = {"fd": "/proc/self/fd", "ptmx": "pts/ptmx"}
    links |= {name: f"/proc/self/fd/{number}" for number, name in enumerate(("stdin", "stdout", "stderr"))}
    if Path("/proc/kcore").exists():
        links["core"] = "/proc/kcore"
    return {f"node./dev/{name}": f"character special file 666 0:0 {n}" for name, n in devices.items()} | {
        f"node./dev/{name}": f"symbolic link 777 0:0 0:0 {where}" for name, where in links.items()
    }


def _opens() -> Facts:
    refused = "mem port kmsg tty0 fuse kvm hpet loop-control loop0 sda vda"
    allowed = {f"opens.{name}": "yes" for name in ["null", "zero", "full", "random", "urandom"]}
    there = "yes" if Path("/sys/class/misc/tun").exists() else "No such device"
    tty = "No such device or address"  # the rule lets it be; there is no terminal
    return (
        allowed
        | {f"opens.{name}": NO_NEW_DEVICE for name in refused.split()}
        | {
            "opens.tun": there,
            "opens.tty": tty,
        }
    )


def _capabilities(mask: int, *, effective: int | None = None) -> Facts:
    active = f"{mask if effective is None else effective:016x}"
    none = f"{0:016x}"
    return {"cap.Bnd": f"{mask:016x}", "cap.Prm": active, "cap.Eff": active, "cap.Inh": none, "cap.Amb": none}


def expected() -> Facts:
    """Docker 28.5 on this machine."""
    own = ("ipc", "mnt", "net", "pid", "uts", *(("cgroup",) if PURE else ()))
    in_proc = "proc nodev,noexec,nosuid,"
    readonly = [name for name in ("bus", "fs", "irq", "sys", "sysrq-trigger") if Path("/proc", name).exists()]
    off = "1" if Path("/proc/sys/net/ipv6").exists() else ""
    on = "0" if off else ""
    return (
        _capabilities(DEFAULT)
        | {"seccomp": "2", "no_new_privs": "0", "ids": "0:0:0,", "umask": "0022", "oom_score_adj": "0"}
        | {"signals.Blk": f"{0:016x}", "signals.Ign": f"{0:016x}"}
        | {f"ns.{kind}": "own" if kind in own else "the machine's" for kind in NAMESPACES}
        | {
            "sysctl.net.ipv4.ip_unprivileged_port_start": "0",
            "sysctl.net.ipv4.ping_group_range": "0 2147483647",
            "sysctl.net.ipv6.conf.all.disable_ipv6": on,
            "sysctl.net.ipv6.conf.default.disable_ipv6": on,
            "sysctl.net.ipv6.conf.eth0.disable_ipv6": off,
            "sysctl.net.ipv6.conf.lo.disable_ipv6": on,
        }
        | {
            "env.HOME": "/root",
            "env.HOSTNAME": "its own",
            "env.PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        | {
            "mount./": "rw",
            "mount./proc": f"{in_proc}rw",
            "mount./dev": "tmpfs nosuid,rw mode=755,size=65536k",
            "mount./dev/pts": "devpts noexec,nosuid,rw gid=5,mode=620,ptmxmode=666",
            "mount./dev/shm": "tmpfs nodev,noexec,nosuid,rw size=65536k",
            "mount./dev/mqueue": "mqueue nodev,noexec,nosuid,rw",
            "mount./sys": "sysfs nodev,noexec,nosuid,ro",
            **({} if PURE else {"mount./sys/fs/cgroup": "tmpfs rw"}),
            "mount./sys/fs/cgroup/*": "cgroup2 ro" if PURE else "cgroup ro",
            **{f"mount./etc/{name}": "rw" for name in ("hosts", "hostname", "resolv.conf")},
        }
        | {f"mount./proc/{name}": f"{in_proc}ro" for name in readonly}
        | _masks()
        | _nodes()
        | _opens()
    )


def _unmasked(facts: Facts) -> None:
    for path in [
        *_masks(),
        *(f"mount./proc/{name}" for name in ("bus", "fs", "irq", "sys", "sysrq-trigger")),
    ]:
        facts.pop(path, None)


def _privileged(facts: Facts) -> None:
    _unmasked(facts)
    facts |= _capabilities(_all())
    facts |= {"seccomp": "0", "mount./sys": "sysfs nodev,noexec,nosuid,rw"}
    facts["mount./sys/fs/cgroup/*"] = facts["mount./sys/fs/cgroup/*"].replace(" ro", " rw")
    for key in [key for key in facts if key.startswith(("opens.", "node."))]:
        del facts[key]  # the machine's own devices: looked at below


def _all() -> int:
    """What this machine has to give."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("CapBnd")).split()[1], 16)


def _terminal(facts: Facts) -> None:
    facts |= {
        "node./dev/console": "character special file 620 0:5 88:0",
        "opens.tty": "yes",
        "env.TERM": "xterm",
    }
    facts["mount./dev/console"] = "devpts noexec,nosuid,rw gid=5,mode=620,ptmxmode=666"


def _without_ipc(facts: Facts) -> None:
    del facts["mount./dev/shm"]


def _net_host(facts: Facts) -> None:
    for key in [key for key in facts if key.startswith("sysctl.")]:
        path = Path("/proc/sys", key.removeprefix("sysctl.").replace(".", "/"))
        facts[key] = " ".join(path.read_text().split()) if path.exists() else ""
    facts["ns.net"] = "the machine's"
    facts["env.HOSTNAME"] = os.uname().nodename


VARIANTS: dict[str, Variant] = {
    "defaults": Variant([], {}),
    "user": Variant(
        ["-u", "1000"], {**_capabilities(DEFAULT, effective=0), "ids": "1000:0:0,", "env.HOME": "/"}
    ),
    "cap-add": Variant(["--cap-add", "NET_ADMIN"], _capabilities(DEFAULT | 1 << 12)),
    "cap-add-user": Variant(
        ["--cap-add", "cap_net_admin", "-u", "1000:7"],
        {**_capabilities(DEFAULT | 1 << 12, effective=0), "ids": "1000:7:7,", "env.HOME": "/"},
    ),
    "cap-drop": Variant(
        ["--cap-drop", "MKNOD", "--cap-drop", "chown"], _capabilities(DEFAULT & ~(1 << 27 | 1))
    ),
    "cap-drop-all": Variant(["--cap-drop", "ALL", "--cap-add", "SYS_CHROOT"], _capabilities(1 << 18)),
    "cap-add-all": Variant(["--cap-add", "ALL"], _capabilities(_all())),
    "privileged": Variant(["--privileged"], _privileged),
    "terminal": Variant(["-t"], _terminal),
    "no-new-privileges": Variant(["--security-opt", "no-new-privileges"], {"no_new_privs": "1"}),
    "unconfined": Variant(["--security-opt", "seccomp=unconfined"], {"seccomp": "0"}),
    "systempaths": Variant(["--security-opt", "systempaths=unconfined"], _unmasked),
    "read-only": Variant(
        ["--read-only", "--tmpfs", "/tmp"],
        {
            **{f"mount./{name}": "ro" for name in ("", "etc/hosts", "etc/hostname", "etc/resolv.conf")},
            "mount./tmp": "tmpfs nodev,noexec,nosuid,rw",
        },
    ),
    "shm-size": Variant(["--shm-size", "1m"], {"mount./dev/shm": "tmpfs nodev,noexec,nosuid,rw size=1024k"}),
    "ipc-none": Variant(["--ipc", "none"], _without_ipc),
    "pid-host": Variant(["--pid", "host"], {"ns.pid": "the machine's"}),
    "uts-host": Variant(["--uts", "host"], {"ns.uts": "the machine's"}),
    "net-host": Variant(["--net", "host"], _net_host),
    "cgroupns": Variant(["--cgroupns", "private"], {"ns.cgroup": "own"}),
}
_EXEC_TOO = ("defaults", "user", "cap-add", "cap-add-user", "privileged", "no-new-privileges")


@pytest.fixture
def engine(server: Daemon | Reference) -> Client:
    """One spelling is enough: what is asked is the engine's matter."""
    return (ours if isinstance(server, Daemon) else stock)(server.environment())


def _wanted(name: str) -> Facts:
    facts, changes = expected(), VARIANTS[name].changes
    if callable(changes):
        changes(facts)
    else:
        facts |= changes
    if not int(facts["cap.Eff"], 16) & _MKNOD or "mount./tmp" in facts:
        for key in [key for key in facts if key.startswith("opens.")]:
            del facts[key]  # there is nothing to be opened
    return facts


@pytest.mark.parametrize("name", VARIANTS)
def test_run(engine: Client, server: Daemon | Reference, name: str) -> None:
    _possible(server, name)
    found = gather(engine, VARIANTS[name].flags)
    compare(name, _wanted(name), found, server)


@pytest.mark.parametrize("name", _EXEC_TOO)
def test_exec(engine: Client, server: Daemon | Reference, name: str) -> None:
    """A further process gets what the first got."""
    _possible(server, name)
    container = fresh()
    engine("run", "-d", "--name", container, *VARIANTS[name].flags, "busybox", "sleep", "1000")
    try:
        compare(f"exec in {name}", _wanted(name), gather_exec(engine, container, []), server)
    finally:
        engine("rm", "-f", container)


def _possible(server: Daemon | Reference, name: str) -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    if isinstance(server, Reference) and name in ("privileged", "cap-add-all") and _all() != (2 << last) - 1:
        pytest.skip("runc before 1.2 fails where a capability of the kernel is not to be had")


def compare(title: str, wanted: Facts, found: Facts, server: Daemon | Reference) -> None:
    rows = list(_rows(wanted, found))
    for key, value, seen in rows:
        print(f"{title:18} {key:44} {value:60} {'same' if value == seen else seen}")
    different = {key: (value, seen) for key, value, seen in rows if not _as_wanted(key, value, seen)}
    if isinstance(server, Reference):
        for key in [key for key in different if _explained(key, server.major)]:
            del different[key]
    assert different == {}


def _rows(wanted: Facts, found: Facts) -> Iterator[tuple[str, str, str]]:
    """Of what is not said to be wanted only what may harm is compared: mounts, and capabilities."""
    for key in wanted:
        yield key, wanted[key], found.get(key, "absent")
    for key in sorted(set(found) - set(wanted)):
        if key.startswith(("mount.", "shared.")):
            yield key, "absent", found[key]


def _as_wanted(key: str, wanted: str, seen: str) -> bool:
    return seen == wanted or (key in STRICTER and seen == STRICTER[key][0])


def _explained(key: str, major: int) -> bool:
    return any(key.startswith(prefix) and major < since for prefix, (since, _) in SINCE.items())


def test_limits_are_those_of_the_daemon(engine: Client, server: Daemon | Reference) -> None:
    if isinstance(server, Reference):
        pytest.skip("a dockerd of somebody else's: what it was started with is not known")
    here = {}
    for line in Path("/proc/self/limits").read_text().splitlines()[1:]:
        here[f"limit.{line[4:25].strip()}"] = line[47:67].strip()
    found = {key: value for key, value in gather(engine, []).items() if key.startswith("limit.")}
    assert found == here


def test_the_devices_of_a_privileged_container_are_those_of_the_machine(
    engine: Client, server: Daemon | Reference
) -> None:
    _possible(server, "privileged")
    look = "find /dev -type b -o -type c | grep -vE '^/dev/(pts|console|shm|mqueue)' | sort"
    machine = {
        str(path)
        for path in Path("/dev").rglob("*")
        if (path.is_block_device() or path.is_char_device())
        and not path.is_symlink()
        and not str(path).startswith(("/dev/pts", "/dev/console", "/dev/shm", "/dev/mqueue"))
    }
    inside = set(engine("run", "--rm", "--privileged", "busybox", "sh", "-c", look).out.splitlines())
    assert inside - {"/dev/ptmx"} == machine - {"/dev/ptmx"}
