"""What the cgroups of this machine can limit, by the names of `containers.discarded` (moby pkg/sysinfo).

Looked at once, at the daemon's start.
"""

import os

_ROOT = "/sys/fs/cgroup"
# feature → files below the root of v1, one of which shows it
_LEGACY = {
    "memory": ("memory/memory.limit_in_bytes",),
    "swap": ("memory/memory.memsw.limit_in_bytes",),
    "reservation": ("memory/memory.soft_limit_in_bytes",),
    "swappiness": ("memory/memory.swappiness",),
    "oom": ("memory/memory.oom_control",),
    "shares": ("cpu/cpu.shares",),
    "cfs": ("cpu/cpu.cfs_quota_us",),
    "realtime": ("cpu/cpu.rt_runtime_us",),
    "cpuset": ("cpuset/cpuset.cpus",),
    "pids": ("pids/cgroup.procs",),
    # Only children have blkio.bfq.weight (block/bfq-cgroup.c): what the root has tells that they do.
    "weight": ("blkio/blkio.weight", "blkio/blkio.bfq.io_service_bytes"),
    "weight device": ("blkio/blkio.weight_device", "blkio/blkio.bfq.io_service_bytes"),
    "read bps": ("blkio/blkio.throttle.read_bps_device",),
    "write bps": ("blkio/blkio.throttle.write_bps_device",),
    "read iops": ("blkio/blkio.throttle.read_iops_device",),
    "write iops": ("blkio/blkio.throttle.write_iops_device",),
}
# v2: controller → features. Swap is shown by a file of a child only, so it is taken for granted.
_UNIFIED = {
    "memory": ("memory", "swap", "reservation"),
    "cpu": ("shares", "cfs"),
    "cpuset": ("cpuset",),
    "pids": ("pids",),
    "io": ("weight", "weight device", "read bps", "write bps", "read iops", "write iops"),
}


def features(root: str = _ROOT) -> frozenset[str]:
    try:
        with open(f"{root}/cgroup.controllers", encoding="ascii") as file:
            controllers = file.read().split()
    except OSError:
        return frozenset(
            name for name, files in _LEGACY.items() if any(os.path.exists(f"{root}/{path}") for path in files)
        )
    return frozenset(name for controller in controllers for name in _UNIFIED.get(controller, ()))
