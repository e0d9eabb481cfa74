"""What stands around the kernel: programs, files, settings, other firewalls."""

import importlib
import os
import resource
import shutil
import ssl
import sys

from sampan.doctor.finding import Finding, missing, ok, reduced
from sampan.linux import clock as kernel_clock
from sampan.linux import nftables as nft
from sampan.linux import xtables
from sampan.network import firewall

# docs/dependencies.md says what each is for.
_LIBRARIES = ("httptools", "msgspec", "urllib3", "zstandard")
_QUICKER = ("isal",)
_LOW_DISK, _NO_DISK = 2 << 30, 100 << 20  # bytes
_LOW_INODES = 10_000
# sysctl → (enough for a few hundred containers, what runs out)
_LIMITS = {
    "fs/inotify/max_user_instances": (128, "programs that watch files, in many containers"),
    "fs/inotify/max_user_watches": (8192, "programs that watch files"),
    "kernel/keys/maxkeys": (100, "containers at the same time (each has a keyring)"),
    "kernel/pid_max": (32768, "processes"),
    "kernel/threads-max": (16384, "threads"),
    "user/max_net_namespaces": (500, "containers with a network of their own"),
    "user/max_pid_namespaces": (500, "containers"),
    "user/max_mnt_namespaces": (500, "containers"),
    "vm/max_map_count": (65530, "databases that map many files"),
}
_NOFILE = 4096


def root() -> Finding:
    if os.geteuid() == 0:
        return ok("yes")
    return missing(f"user {os.geteuid()}", "the daemon does not run, and half of these checks do not", "sudo")


def libraries() -> Finding:
    python = f"Python {'.'.join(map(str, sys.version_info[:3]))}"
    lost = [name for name in _LIBRARIES if not _importable(name)]
    if lost:
        remedy = f"pip install {' '.join(lost)}, into the Python that sampan runs with ({sys.executable})"
        return missing(f"{python} without {' '.join(lost)}", "the daemon does not start", remedy)
    slow = [name for name in _QUICKER if not _importable(name)]
    if slow:
        return reduced(
            f"{python} without {' '.join(slow)}", "pulls unpack slower", f"pip install {' '.join(slow)}"
        )
    return ok(f"{python} with {' '.join(_LIBRARIES + _QUICKER)}")


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def forwarding() -> Finding:
    path = "/proc/sys/net/ipv4/ip_forward"
    if _read(path) == "1":
        return ok("net.ipv4.ip_forward is on")
    if os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY:
        return ok("net.ipv4.ip_forward is off; the daemon turns it on with its bridge")
    cost = "containers reach neither the outside nor each other's networks"
    return reduced("net.ipv4.ip_forward is off", cost, "sysctl -w net.ipv4.ip_forward=1")


def other_firewalls() -> Finding:
    """Chains of others that drop what is forwarded: our accept does not overrule them."""
    names = []
    try:
        with nft.Socket() as socket:
            names += [
                f"table {chain.table}, chain {chain.name}"
                for chain in socket.chains()
                if firewall.drops(chain)
            ]
    except OSError:
        pass  # no nf_tables: said above
    if xtables.forward_drops():
        names.append("legacy iptables, chain FORWARD")
    if not names:
        return ok("none drops what is forwarded")
    remedy = "let it accept what comes from and goes to the bridge (iptables -I FORWARD -i BRIDGE -j ACCEPT)"
    return reduced(f"{'; '.join(names)}: policy drop", "containers do not reach the outside", remedy)


def disk(place: str) -> Finding:
    status = os.statvfs(place)
    free, inodes = status.f_bavail * status.f_frsize, status.f_favail
    found = f"{free / (1 << 30):.1f} GiB free on {place}"
    if free < _NO_DISK:
        return missing(found, "nothing can be pulled or written", "make room, or choose another --data-root")
    if status.f_files and inodes < _LOW_INODES:
        return reduced(f"{found}, {inodes} inodes", "images of many files do not fit", "make room")
    if free < _LOW_DISK:
        return reduced(found, "large images do not fit", "make room, or choose another --data-root")
    return ok(found)


_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where the launcher looks


def limited_disks() -> Finding:
    cost = "no --disk, no --storage-opt size, no volumes with -o size"
    if not os.access("/dev/loop-control", os.R_OK | os.W_OK):
        return reduced("no loop devices (/dev/loop-control)", cost, "modprobe loop")
    if (found := shutil.which("mkfs.ext4", path=_PROGRAMS)) is None:
        return reduced("no mkfs.ext4", cost, "install e2fsprogs")
    return ok(f"loop devices, {found}")


def limits() -> Finding:
    low = [(name, *_LIMITS[name]) for name in _LIMITS if _below(name)]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _NOFILE:
        low.append(("RLIMIT_NOFILE", _NOFILE, "containers and clients at the same time"))
    if not low:
        return ok(f"high enough, {hard} open files")
    names = ", ".join(f"{name.replace('/', '.')} below {least}" for name, least, _ in low)
    return reduced(names, "; ".join(dict.fromkeys(cost for _, _, cost in low)), "sysctl -w, or ulimit -n")


def _below(name: str) -> bool:
    text = _read(f"/proc/sys/{name}")
    return text.isdigit() and int(text) < _LIMITS[name][0]


def apparmor() -> Finding:
    if _read("/sys/module/apparmor/parameters/enabled") != "Y":
        return ok("off; containers run without, as with Docker")
    if shutil.which("apparmor_parser") is None:
        return reduced("on, without apparmor_parser", "no profile can be loaded", "install apparmor")
    return ok("on")


def fuse() -> Finding:
    if os.path.exists("/dev/fuse"):
        return ok("/dev/fuse")
    cost = "containers that mount with FUSE (--device /dev/fuse)"
    return reduced("no /dev/fuse", cost, "modprobe fuse")


def clock() -> Finding:
    if kernel_clock.is_synchronized():
        return ok("synchronized")
    cost = "certificates of registries, and tokens, may seem to be of another time"
    return reduced("nobody sets it", cost, "install chrony or systemd-timesyncd; in a VM, its host may do it")


def authorities() -> Finding:
    context = ssl.create_default_context()
    count = len(context.get_ca_certs())
    paths = ssl.get_default_verify_paths()
    if count:
        return ok(f"{count} in {paths.cafile or paths.capath}")
    return reduced("none", "no registry can be asked over HTTPS", "install ca-certificates")


def runtimes() -> Finding:
    found = [path for name in ("runc", "crun") if (path := shutil.which(name))]
    return ok(
        f"our own; {' '.join(found)}" if found else "our own; neither runc nor crun, nothing needs them"
    )


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
