"""Other limits for a container that runs: all of them, or none.

*Calm*; from the daemon's worker threads. What is to be written is the difference between the files of the
old resources and those of the new ones (`cgroup_limits`); what was there before is read first, and put back
when the kernel refuses one of them.
"""

import contextlib
import errno
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.runtime import cgroup_limits
from sampan.runtime.cgroup import Cgroup
from sampan.runtime.cgroup_limits import Write
from sampan.runtime.failure import OciError

_LOST = (errno.ENOENT, errno.EPERM, errno.EACCES, errno.EROFS)
_LIMIT, _SWAP = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"


class Updated(NamedTuple):
    """`undo`: (file, what it held), in the order in which to write them back."""

    warnings: list[str]
    undo: list[tuple[str, str]]


def update(cgroup: Cgroup, old: Mapping[str, Any], new: Mapping[str, Any]) -> Updated:
    """`old`, `new`: `linux.resources` of the runtime-spec. Raises OciError with nothing changed."""
    updated = Updated([], [])
    for write in _ordered(cgroup, changed(old, new, pure=cgroup.pure)):
        directory = cgroup.unified if cgroup.pure else cgroup.controllers.get(write.controller)
        try:
            if directory is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            path = f"{directory}/{write.file}"
            before = _read(path)
            _write(path, write.value)
            updated.undo.insert(0, (path, before))
        except OSError as error:
            if error.errno in _LOST:
                if write.missing and write.missing not in updated.warnings:
                    updated.warnings.append(write.missing)
                continue
            revert(updated)
            raise _refused(write, error) from None
    return updated


def revert(updated: Updated) -> None:
    """As it was. What does not go back (its cgroup is gone) has no more to do with anybody."""
    for path, before in updated.undo:
        with contextlib.suppress(OSError):
            _write(path, before)


def changed(old: Mapping[str, Any], new: Mapping[str, Any], *, pure: bool) -> list[Write]:
    writes = cgroup_limits.v2 if pure else cgroup_limits.v1
    there = {(write.file, write.value) for write in writes(old)}
    return [write for write in writes(new) if (write.file, write.value) not in there]


def _ordered(cgroup: Cgroup, writes: Sequence[Write]) -> list[Write]:
    """v1 refuses a memory limit above that of memory and swap together: the one that is raised goes first
    (cgroup-v1/memory.rst, 6.1)."""
    files = [write.file for write in writes]
    memory = cgroup.controllers.get("memory")
    if memory is None or _LIMIT not in files or _SWAP not in files:
        return list(writes)
    swap = next(write for write in writes if write.file == _SWAP)
    try:
        now = int(_read(f"{memory}/{_SWAP}"))
    except OSError:  # no swap accounting
        return list(writes)
    if int(swap.value) < 0 or int(swap.value) > now:
        return [swap, *(write for write in writes if write is not swap)]
    return list(writes)


def _refused(write: Write, error: OSError) -> OciError:
    """EBUSY: more is used already than the new limit allows; that is no fault of the number."""
    reason = os.strerror(error.errno or 0).lower()
    kind = "Conflict" if error.errno == errno.EBUSY else "InvalidArgument"
    return OciError(kind, f'failed to write "{write.value}": {write.file}: {reason}')


def _write(path: str, value: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode() or b"\n")  # v2's cpuset.cpus is emptied by an empty line
    finally:
        os.close(fd)


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read(65536).strip()
