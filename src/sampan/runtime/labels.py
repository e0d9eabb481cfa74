"""The AppArmor profile of a process. A label that cannot be had is refused, never ignored."""

import os
from typing import Any

from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, openat2
from sampan.runtime.failure import OciError, unsupported
from sampan.runtime.stage import Stage

_ENABLED = "/sys/module/apparmor/parameters/enabled"
# The first is AppArmor's alone, where other security modules may stand beside it (Linux 5.8).
_FILES = (b"thread-self/attr/apparmor/exec", b"thread-self/attr/exec")


def profile(process: dict[str, Any]) -> str:
    """Before the fork; "" for none. Raises OciError where the kernel cannot do what is asked for."""
    if process.get("selinuxLabel"):
        raise unsupported("selinux label is specified in config, but SELinux is not supported")
    name: str = process.get("apparmorProfile") or ""
    if name and not enabled():
        raise unsupported(
            "apparmor profile is specified in config, but AppArmor is not enabled on the system"
        )
    return name


def change_on_exec(name: str, stage: Stage) -> None:
    """In the child; holds from its execve on (aa_change_onexec(2))."""
    for path in _FILES:
        try:
            fd = openat2(stage.procfs(), path, os.O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
        except FileNotFoundError:
            continue
        try:
            os.write(fd, f"exec {name}".encode())
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise OciError("Internal", f"unable to apply apparmor profile {name}: {reason}") from None
        finally:
            os.close(fd)
        return
    raise OciError("Internal", f"unable to apply apparmor profile {name}: the kernel has no file for it")


def enabled() -> bool:
    try:
        with open(_ENABLED, "rb") as file:
            return file.read(1) == b"Y"
    except FileNotFoundError:
        return False
