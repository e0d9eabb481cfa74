"""sched_setattr(2), ioprio_set(2), personality(2): when a process runs, and what it is told it runs on."""

import ctypes

from sampan.linux import libc

IOPRIO_WHO_PROCESS = 1
IOPRIO_CLASS_SHIFT = 13
PER_LINUX = 0x0
PER_LINUX32 = 0x8

# Numbers of sched(7) and of include/uapi/linux/sched.h.
POLICIES: dict[str, int] = {
    "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}  # fmt: skip
FLAGS: dict[str, int] = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
IO_CLASSES: dict[str, int] = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}


class SchedAttr(ctypes.Structure):
    """struct sched_attr, SCHED_ATTR_SIZE_VER0."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("sched_policy", ctypes.c_uint32),
        ("sched_flags", ctypes.c_uint64),
        ("sched_nice", ctypes.c_int32),
        ("sched_priority", ctypes.c_uint32),
        ("sched_runtime", ctypes.c_uint64),
        ("sched_deadline", ctypes.c_uint64),
        ("sched_period", ctypes.c_uint64),
    ]


_sched_setattr = libc.raw("sched_setattr", ctypes.c_int, ctypes.POINTER(SchedAttr), ctypes.c_uint)
_ioprio_set = libc.raw("ioprio_set", ctypes.c_int, ctypes.c_int, ctypes.c_int)
_personality = libc.bind("personality", ctypes.c_int, ctypes.c_ulong)


def sched_setattr(
    policy: int, flags: int = 0, nice: int = 0, priority: int = 0, times: tuple[int, int, int] = (0, 0, 0)
) -> None:
    """Of the calling thread; `times`: runtime, deadline and period in nanoseconds."""
    attributes = SchedAttr(ctypes.sizeof(SchedAttr), policy, flags, nice, priority, *times)
    libc.check(_sched_setattr(0, ctypes.byref(attributes), 0), "sched_setattr")


def ioprio_set(class_: int, level: int) -> None:
    """Of the calling thread."""
    value = class_ << IOPRIO_CLASS_SHIFT | level
    libc.check(_ioprio_set(IOPRIO_WHO_PROCESS, 0, value), "ioprio_set")


def personality(value: int) -> None:
    libc.check(_personality(value), "personality")
