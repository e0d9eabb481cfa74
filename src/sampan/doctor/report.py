"""The findings of all checks, in order."""

import os
from collections.abc import Callable, Sequence

from sampan.doctor import kernel, machine
from sampan.doctor.finding import Finding, State
from sampan.engine import facts
from sampan.errors import SampanError

Check = Callable[[], Finding]


def examine(data_root: str) -> list[Finding]:
    """Look at everything. Nothing is changed; what is tried is tried in namespaces of its own."""
    observed = facts.observe()
    place = existing(data_root)
    checks: Sequence[tuple[str, Check]] = (
        ("root", machine.root),
        ("libraries", machine.libraries),
        ("kernel", lambda: kernel.release(observed)),
        ("capabilities", kernel.capabilities),
        ("cgroups", lambda: kernel.cgroups(observed)),
        ("controllers", lambda: kernel.controllers(observed)),
        ("namespaces", kernel.namespaces),
        ("user namespaces", kernel.user_namespaces),
        ("mount API", kernel.mount_api),
        ("idmapped mounts", lambda: kernel.idmapped_mounts(place)),
        ("overlayfs", lambda: kernel.overlay(place)),
        ("seccomp", kernel.seccomp),
        ("device rules", lambda: kernel.device_rules(observed)),
        ("bridge", kernel.bridge),
        ("nf_tables", kernel.nf_tables),
        ("forwarding", machine.forwarding),
        ("other firewalls", machine.other_firewalls),
        ("disk", lambda: machine.disk(place)),
        ("limited disks", machine.limited_disks),
        ("limits", machine.limits),
        ("AppArmor", machine.apparmor),
        ("FUSE", machine.fuse),
        ("clock", machine.clock),
        ("CA certificates", machine.authorities),
        ("runtimes", machine.runtimes),
    )
    return [_checked(name, check) for name, check in checks]


def existing(path: str) -> str:
    """`path`, or the nearest directory above it that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "/"
    return path


def _checked(name: str, check: Check) -> Finding:
    """A check that stumbles has found something, too."""
    try:
        finding = check()
    except PermissionError as error:
        who = "only root can find out" if os.geteuid() else f"cannot find out: {error}"
        finding = Finding(State.UNKNOWN, who)
    except (OSError, SampanError, ValueError, KeyError) as error:
        finding = Finding(State.UNKNOWN, f"cannot find out: {error}")
    finding.name = name
    return finding
