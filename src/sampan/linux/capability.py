"""Capability sets of the calling thread (capabilities(7), capset(2)). Sets are bit masks."""

import ctypes

from sampan.linux import libc, process

NAMES: tuple[str, ...] = tuple(
    "CAP_" + name
    for name in [
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
    ]
)
NUMBERS: dict[str, int] = {name: number for number, name in enumerate(NAMES)}
SYS_ADMIN = 1 << NUMBERS["CAP_SYS_ADMIN"]

_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3


class Header(ctypes.Structure):
    """struct __user_cap_header_struct."""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class Data(ctypes.Structure):
    """struct __user_cap_data_struct; the kernel takes two, low words first."""

    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


class Sets(ctypes.Structure):
    _fields_ = [("low", Data), ("high", Data)]


_capset = libc.raw("capset", ctypes.POINTER(Header), ctypes.POINTER(Sets))
_capget = libc.raw("capget", ctypes.POINTER(Header), ctypes.POINTER(Sets))
_LOW = 0xFFFFFFFF


def mask(names: list[str]) -> int:
    """Raises KeyError for a name that we do not know."""
    result = 0
    for name in names:
        result |= 1 << NUMBERS[name]
    return result


def capget() -> tuple[int, int, int]:
    """(effective, permitted, inheritable)."""
    header, sets = Header(_VERSION_3, 0), Sets()
    libc.check(_capget(ctypes.byref(header), ctypes.byref(sets)), "capget")
    low, high = sets.low, sets.high
    return (
        low.effective | high.effective << 32,
        low.permitted | high.permitted << 32,
        low.inheritable | high.inheritable << 32,
    )


def capset(effective: int, permitted: int, inheritable: int) -> None:
    low = Data(effective & _LOW, permitted & _LOW, inheritable & _LOW)
    high = Data(effective >> 32, permitted >> 32, inheritable >> 32)
    header, sets = Header(_VERSION_3, 0), Sets(low, high)
    libc.check(_capset(ctypes.byref(header), ctypes.byref(sets)), "capset")


def drop_bounding(keep: int, last: int) -> None:
    """Take every capability up to number `last` that is not in `keep` out of the bounding set."""
    for number in range(last + 1):
        if not keep >> number & 1:
            process.prctl(process.PR_CAPBSET_DROP, number)


def set_ambient(ambient: int) -> None:
    process.prctl(process.PR_CAP_AMBIENT, process.PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(len(NAMES)):
        if ambient >> number & 1:
            process.prctl(process.PR_CAP_AMBIENT, process.PR_CAP_AMBIENT_RAISE, number)
