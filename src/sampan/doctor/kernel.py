"""What the kernel gives: each thing is tried as the runtime uses it."""

import os
import shutil
import struct
import tempfile
from functools import partial

from sampan.doctor.finding import Finding, missing, ok, reduced
from sampan.doctor.trial import attempt
from sampan.engine.facts import Facts
from sampan.linux import bpf, capability, libseccomp, mount, process, rtnetlink
from sampan.linux import nftables as nft
from sampan.linux import seccomp as seccomp_call
from sampan.network import firewall, ruleset
from sampan.network.bridge import BridgeState
from sampan.runtime import cgroup_layout

_OLDEST = (
    5,
    10,
)  # what the tests have seen; clone3 into a cgroup is of 5.7, openat2 of 5.6, close_range of 5.9
_RECURSIVE = (5, 12)  # mount_setattr(2)
_ALLOW = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)  # BPF_RET | BPF_K, SECCOMP_RET_ALLOW
_YES = struct.pack("=BBhi", 0xB7, 0, 0, 1) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # r0 = 1; exit
_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
    "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
)  # fmt: skip
_CONTROLLERS = {
    "memory": "--memory and its kin",
    "cpu": "--cpus, --cpu-shares, --cpu-quota",
    "pids": "--pids-limit",
    "cpuset": "--cpuset-cpus, --cpuset-mems",
    "io": "--device-read-bps and its kin, --blkio-weight",
}
_ALL = (
    ("mount", process.CLONE_NEWNS),
    ("pid", process.CLONE_NEWPID),
    ("network", process.CLONE_NEWNET),
    ("ipc", process.CLONE_NEWIPC),
    ("uts", process.CLONE_NEWUTS),
    ("cgroup", process.CLONE_NEWCGROUP),
)
_MOUNTS = process.CLONE_NEWNS
_NETWORK = process.CLONE_NEWNET


def release(facts: Facts) -> Finding:
    version = tuple(int(part) for part in facts.kernel.replace("-", ".").split(".")[:2])
    found = f"Linux {facts.kernel} on {facts.machine}, {facts.operating_system}"
    if version < _OLDEST:
        return missing(found, "no container starts", "Linux 5.10 or later")
    if version < _RECURSIVE:
        return reduced(found, "read-only bind mounts are not recursive", "Linux 5.12 or later")
    return ok(found)


def capabilities() -> Finding:
    effective, _, _ = capability.capget()
    lost = [name for name in _CAPABILITIES if not effective & capability.mask([name])]
    if lost:
        return missing(
            f"without {' '.join(lost)}", "containers cannot be set up", "run the daemon as full root"
        )
    absent = [name for name in capability.NUMBERS if not effective & capability.mask([name])]
    if "CAP_SYS_RESOURCE" in absent:
        cost = "--ulimit above the daemon's own hard limits, --oom-score-adj below its own"
        return reduced("without CAP_SYS_RESOURCE", cost, "give it to whoever starts the daemon")
    return ok("all that are needed" + (f"; not {' '.join(absent)}" if absent else ""))


def cgroups(facts: Facts) -> Finding:
    layout = cgroup_layout.detect()
    bases = [hierarchy.base for hierarchy in layout.hierarchies]
    if layout.unified is not None:
        bases.append(layout.unified)
    kind = "v2" if layout.pure else "hybrid" if layout.unified and layout.hierarchies else "v1"
    if not bases:
        cost = "no limits, and leftovers of a container cannot be ended"
        return missing("no cgroup that can be written", cost, "mount -t cgroup2 none /sys/fs/cgroup")
    failures = [why for base in bases if (why := _made(f"{base}/sampan-doctor-{os.getpid()}"))]
    if failures:
        return missing(f"{kind}: {failures[0]}", "no limits", "let the daemon write below /sys/fs/cgroup")
    return ok(f"{kind}, made and removed one in each of {len(bases)}" if len(bases) > 1 else f"{kind}, tried")


def _made(path: str) -> str:
    try:
        os.mkdir(path)
        os.rmdir(path)
    except OSError as error:
        return f"{error.strerror} ({path})"
    return ""


def controllers(facts: Facts) -> Finding:
    have = facts.controllers | ({"io"} if "blkio" in facts.controllers else set())
    lost = [name for name in _CONTROLLERS if name not in have]
    found = " ".join(sorted(facts.controllers))
    if not lost:
        return ok(found)
    costs = "; ".join(_CONTROLLERS[name] for name in lost)
    remedy = (
        "cgroup_enable=memory on the kernel's command line" if "memory" in lost else "a kernel that has them"
    )
    return reduced(f"{found}; not {' '.join(lost)}", costs, remedy)


def namespaces() -> Finding:
    lost = [f"{name}: {why}" for name, flag in _ALL if (why := attempt(lambda: None, flag))]
    if lost:
        return missing(
            "; ".join(lost), "no container starts", "CONFIG_NAMESPACES, and the right to make them"
        )
    return ok(" ".join(name for name, _ in _ALL))


def user_namespaces() -> Finding:
    why = attempt(lambda: None, process.CLONE_NEWUSER)
    if why:
        remedy = "sysctl user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1"
        return reduced(why, "--userns, and idmapped mounts", remedy)
    return ok("tried")


def mount_api() -> Finding:
    why = attempt(_new_mounts, _MOUNTS)
    if why:
        return missing(why, "no container starts", "Linux 5.10 or later, with no seccomp filter around us")
    return ok("fsopen, fsmount, open_tree, move_mount tried")


def _new_mounts() -> None:
    mount.mount("", "/", "", mount.MS_REC | mount.MS_PRIVATE)
    context = mount.fsopen("tmpfs")
    mount.fsconfig_create(context)
    made = mount.fsmount(context, mount.MOUNT_ATTR_NOSUID)
    mount.move_mount(made, os.open("/proc", os.O_PATH | os.O_DIRECTORY))
    os.close(mount.open_tree(made))


def idmapped_mounts(place: str) -> Finding:
    why = attempt(partial(_idmapped, place))
    if why:
        remedy = (
            "Linux 5.12 or later, and a file system that knows them (ext4, xfs, btrfs; overlay since 5.19)"
        )
        return reduced(
            f"{why}, tried on {place}",
            "volumes with --userns belong to nobody; no uid=, gid=, idmap of mounts",
            remedy,
        )
    return ok(f"tried on {place}")


def _idmapped(place: str) -> None:
    """The namespace is a child's, which waits for the end of a pipe."""
    ready, wake = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            process.unshare(process.CLONE_NEWUSER)
            os.close(wake[1])
            os.write(ready[1], b".")
            os.read(wake[0], 1)
        finally:
            os._exit(0)
    try:
        os.close(ready[1])
        if os.read(ready[0], 1) != b".":
            raise OSError(1, "no user namespace")
        for kind in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{kind}", "w", encoding="ascii") as file:
                file.write("0 100000 65536")
        namespace = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        mount.mount_idmapped(mount.open_tree(mount.AT_FDCWD, place), namespace)
    finally:
        os.close(wake[1])
        os.waitpid(pid, 0)


def overlay(place: str) -> Finding:
    directory = tempfile.mkdtemp(prefix=".sampan-doctor-", dir=place)
    try:
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(f"{directory}/{name}")
        why = attempt(partial(_overlay, directory), _MOUNTS)
        if why:
            remedy = (
                "modprobe overlay, and a file system below it that it takes (ext4, xfs with ftype=1, btrfs)"
            )
            return missing(f"{why}, tried on {place}", "no container starts", remedy)
        return ok(f"tried on {place}")
    finally:
        shutil.rmtree(directory)


def _overlay(directory: str) -> None:
    mount.mount("", "/", "", mount.MS_REC | mount.MS_PRIVATE)
    layers = f"lowerdir={directory}/lower,upperdir={directory}/upper,workdir={directory}/work"
    mount.mount("overlay", f"{directory}/merged", "overlay", 0, layers)
    with open(f"{directory}/merged/file", "x", encoding="ascii") as file:
        file.write("written through")


def seccomp() -> Finding:
    install = "install libseccomp2"
    try:
        libseccomp.Library()
    except OSError:
        cost = "containers start with --security-opt seccomp=unconfined only"
        return missing(f"{libseccomp.LIBRARY} cannot be loaded", cost, install)
    if not os.path.exists("/proc/sys/kernel/seccomp/actions_avail"):
        cost = "containers run without a filter of system calls"
        return reduced("the kernel has no filters", cost, "CONFIG_SECCOMP_FILTER")
    why = attempt(_filtered)
    if why:
        return missing(
            why, "no container starts with the default profile", "look what forbids seccomp(2) here"
        )
    return ok("libseccomp loaded, a filter tried")


def _filtered() -> None:
    process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)
    seccomp_call.load(_ALLOW)


def device_rules(facts: Facts) -> Finding:
    if "devices" in facts.controllers and cgroup_layout.detect().hierarchy("devices") is not None:
        return ok("the v1 controller")
    why = attempt(_device_program)
    if why:
        remedy = "CONFIG_CGROUP_BPF, and CAP_BPF or CAP_SYS_ADMIN"
        return missing(f"eBPF: {why}", "nothing keeps containers from the host's devices", remedy)
    return ok("eBPF, a program tried")


def _device_program() -> None:
    os.close(bpf.load_device_program(_YES))


def bridge() -> Finding:
    why = attempt(_bridge, _NETWORK)
    if why:
        cost = "containers have --network host and none only"
        return missing(why, cost, "modprobe bridge veth (CONFIG_BRIDGE, CONFIG_VETH)")
    return ok("a bridge and a veth pair tried")


def _bridge() -> None:
    with rtnetlink.Socket() as socket:
        socket.talk([rtnetlink.bridge("doctor0")])
        index = rtnetlink.index_of("doctor0")
        socket.talk([rtnetlink.veth("doctor1", index, "eth0", peer_pid=os.getpid())])
        socket.talk([rtnetlink.link_up("doctor0")])


def nf_tables() -> Finding:
    why = attempt(_table, _NETWORK)
    if why:
        remedy = "modprobe nf_tables nft_nat nft_masq nft_fib_inet nft_ct (CONFIG_NF_TABLES and its parts)"
        return reduced(why, firewall.UNAVAILABLE, remedy)
    return ok("the whole table tried")


def _table() -> None:
    state = BridgeState("doctor0", "192.0.2.0/24", "192.0.2.1")
    with nft.Socket() as socket:
        socket.commit(ruleset.skeleton("doctor", [state]))
