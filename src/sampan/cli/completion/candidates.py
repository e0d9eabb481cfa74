"""The type of an answer, and the values that are always the same."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Candidates = tuple[list[tuple[str, str]], int]

FILES, NO_SPACE, NO_FILES = 0, 2, 4

# flag → values. Of what is long, what people use.
FIXED = {
    "attach": ("stdin", "stdout", "stderr"),
    "cgroupns": ("host", "private"),
    "format": ("json", "table"),
    "ipc": ("host", "none", "private", "shareable", "container:"),
    "log-driver": ("json-file", "local", "none", "journald", "syslog"),
    "log-level": ("debug", "info", "warn", "error", "fatal"),
    "pid": ("host", "container:"),
    "platform": ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386"),
    "pull": ("always", "missing", "never"),
    "restart": ("no", "always", "on-failure", "unless-stopped"),
    "runtime": ("sampan", "runc", "crun"),
    "security-opt": ("no-new-privileges", "seccomp=", "apparmor=", "systempaths=unconfined"),
    "signal": ("SIGTERM", "SIGKILL", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2"),
    "stop-signal": ("SIGTERM", "SIGKILL", "SIGHUP", "SIGINT", "SIGQUIT"),
    "type": ("container", "image", "network", "volume"),
    "userns": ("host",),
    "uts": ("host",),
}
CAPABILITIES = (
    "ALL", "AUDIT_CONTROL", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH",
    "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MKNOD",
    "NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
    "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "SYSLOG", "WAKE_ALARM",
)  # fmt: skip
# Flags whose value is a file or a directory.
PATHS = (
    *("env-file", "label-file", "cidfile", "iidfile", "metadata-file", "file", "input", "output", "volume"),
    *("config", "tlscacert", "tlscert", "tlskey", "data-root", "run-root", "device", "workdir"),
)
