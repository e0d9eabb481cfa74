"""What a container gets when nobody says otherwise: Docker 28.5's values (moby oci/defaults.go,
oci/caps/defaults.go; runc libcontainer/specconv). In the words of the OCI runtime-spec.
"""

from typing import Any

VERSION = "1.2.0"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHM_SIZE = 64 * 1024 * 1024
MINIMUM_MEMORY = 6 * 1024 * 1024

CAPABILITIES: tuple[str, ...] = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)

MASKED_PATHS: tuple[str, ...] = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
# Also this one of every possible CPU, where it exists.
MASKED_OF_CPU = "/sys/devices/system/cpu/cpu{}/thermal_throttle"

READONLY_PATHS: tuple[str, ...] = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

MOUNTS: tuple[dict[str, Any], ...] = (
    {
        "destination": "/proc",
        "type": "proc",
        "source": "proc",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
        "destination": "/sys",
        "type": "sysfs",
        "source": "sysfs",
        "options": ["nosuid", "noexec", "nodev", "ro"],
    },
    {
        "destination": "/sys/fs/cgroup",
        "type": "cgroup",
        "source": "cgroup",
        "options": ["ro", "nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/dev/mqueue",
        "type": "mqueue",
        "source": "mqueue",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/dev/shm",
        "type": "tmpfs",
        "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", f"size={SHM_SIZE}"],
    },
)

# Made by the runtime in every /dev of its own: (path, type, major, minor); 0666 root:root.
DEVICES: tuple[tuple[str, str, int, int], ...] = (
    ("/dev/null", "c", 1, 3),
    ("/dev/zero", "c", 1, 5),
    ("/dev/full", "c", 1, 7),
    ("/dev/random", "c", 1, 8),
    ("/dev/urandom", "c", 1, 9),
    ("/dev/tty", "c", 5, 0),
)

DENY_ALL_DEVICES: dict[str, Any] = {"allow": False, "access": "rwm"}
ALLOW_ALL_DEVICES: dict[str, Any] = {"allow": True, "access": "rwm"}


def _rule(verb: str, major: int, minor: int | None) -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": verb == "allow", "type": "c", "major": major}
    return rule | ({} if minor is None else {"minor": minor}) | {"access": "rwm"}


# linux.resources.devices, in this order.
DEVICE_RULES: tuple[dict[str, Any], ...] = (
    DENY_ALL_DEVICES,
    _rule("allow", 1, 5),
    _rule("allow", 1, 3),
    _rule("allow", 1, 9),
    _rule("allow", 1, 8),
    _rule("allow", 5, 0),
    _rule("allow", 5, 1),
    _rule("deny", 10, 229),
)
# Added by the runtime to whatever the spec says (runc: specconv.AllowedDevices).
RUNTIME_DEVICE_RULES: tuple[dict[str, Any], ...] = (
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
    *(_rule("allow", major, minor) for _, _, major, minor in DEVICES),
    _rule("allow", 136, None),
    _rule("allow", 5, 2),
    _rule("allow", 10, 200),  # /dev/net/tun, kept by runc for compatibility
)

# Set in a network namespace of the container's own, where the kernel has them.
SYSCTLS: dict[str, str] = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}


def namespaces(*, cgroup_private: bool) -> list[dict[str, str]]:
    """The types of a bridge-networked container. Cgroup: private on v2, the host's on v1."""
    kinds = ["mount", "network", "uts", "pid", "ipc"] + (["cgroup"] if cgroup_private else [])
    return [{"type": kind} for kind in kinds]
