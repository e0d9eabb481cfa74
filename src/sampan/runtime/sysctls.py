"""Which sysctls a container may set: runc's rules (libcontainer/configs/validate, Docker's own CLI). Pure."""

from sampan.linux import process
from sampan.runtime.failure import invalid

_IPC = frozenset(
    "kernel." + name
    for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced")
)


def check(key: str, flags: int) -> None:
    """`flags`: the CLONE_NEW* of the namespaces that are not the machine's. Raises OciError."""
    name = key.replace("/", ".")
    if ".." in name or name.startswith(".") or "\0" in name:
        raise invalid(f'sysctl "{key}" is not a valid name')
    if name in _IPC or name.startswith("fs.mqueue."):
        _need(flags & process.CLONE_NEWIPC, f'sysctl "{key}" is not allowed in the hosts ipc namespace')
    elif name.startswith("net."):
        _need(flags & process.CLONE_NEWNET, f'sysctl "{key}" not allowed in host network namespace')
    elif name == "kernel.domainname":
        _need(flags & process.CLONE_NEWUTS, f'sysctl "{key}" is not allowed in the hosts uts namespace')
    elif name == "kernel.hostname":
        raise invalid(f'sysctl "{key}" conflicts with OCI "hostname" field')
    else:
        raise invalid(f'sysctl "{key}" is not in a separate kernel namespace')


def path_of(key: str) -> str:
    """Below /proc/sys. Dots separate, unless there is a slash: then dots belong to names (sysctl(8))."""
    first_dot, first_slash = key.find("."), key.find("/")
    if first_slash >= 0 and (first_dot < 0 or first_slash < first_dot):
        return key
    return key.translate({ord("."): "/", ord("/"): "."})


def _need(private: int, otherwise: str) -> None:
    if not private:
        raise invalid(otherwise)
