"""`features`: what this runtime can do (runtime-spec, features.md)."""

import json
import os
from typing import Any

from sampan.linux import capability
from sampan.linux.libseccomp import ACTIONS, ARCHITECTURES, COMPARISONS
from sampan.runtime import hooks, labels, mount_options, plan
from sampan.runtimecli.flags import Flag
from sampan.runtimecli.invocation import Invocation

FLAGS: list[Flag] = []
_FLAGS = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"]


def run(_invocation: Invocation) -> int:
    print(json.dumps(features(), indent=2))
    return 0


def features() -> dict[str, Any]:
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.2.1",
        "hooks": list(hooks.WORDS),
        "mountOptions": mount_options.words(),
        "linux": {
            "namespaces": sorted(plan.NAMESPACE_FLAGS),
            "capabilities": sorted(capability.NAMES),
            "cgroup": {"v1": True, "v2": True, "systemd": False, "systemdUser": False, "rdma": False},
            "seccomp": {
                "enabled": os.path.exists("/proc/sys/kernel/seccomp/actions_avail"),
                "actions": sorted(ACTIONS),
                "operators": sorted(COMPARISONS),
                "archs": sorted(ARCHITECTURES),
                "knownFlags": _FLAGS,
            },
            "apparmor": {"enabled": labels.enabled()},
            "selinux": {"enabled": False},
            "intelRdt": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": True}},
        },
        "potentiallyUnsafeConfigAnnotations": [],
    }
