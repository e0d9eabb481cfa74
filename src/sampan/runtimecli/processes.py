"""The processes of a container, as its cgroup knows them."""

import os

from sampan.runtime.cgroup import Cgroup


def of(cgroup: Cgroup) -> list[int]:
    """Also those below it. [] when there is no such cgroup any more."""
    directory = cgroup.unified if cgroup.pure else cgroup.controllers.get("pids") or cgroup.unified
    directory = directory or next(iter(cgroup.directories.values()), None)
    if directory is None:
        return []
    found: set[int] = set()
    for place, _, files in os.walk(directory):
        if "cgroup.procs" in files:
            with open(f"{place}/cgroup.procs", encoding="ascii") as file:
                found.update(map(int, file.read().split()))
    return sorted(found)
