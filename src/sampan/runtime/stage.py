"""What the child holds while it sets a container up: a few descriptors."""

import os
from collections.abc import Callable, Mapping

from sampan.linux import mount
from sampan.linux.mount import PROC_SUPER_MAGIC
from sampan.runtime.paths import open_path
from sampan.runtime.userns import Ids


class Stage:
    """Descriptors are closed wholesale before execve; those here are for the operations."""

    def __init__(self) -> None:
        self.root = -1  # of the container, after the pivot
        self.new_root = -1  # before
        self.disk = -1  # a detached mount
        self.sources: dict[int, int] = {}
        self.proc = -1  # root of the container's procfs
        self.mask = -1  # the empty tmpfs that all masked directories share
        self.null = -1  # /dev/null, looked at
        self.console = -1  # master of the terminal
        self.user_namespace = -1  # to be joined last
        self.mapped: Mapping[Ids, int] = {}  # user namespaces for mounts
        self.owner: Callable[[], tuple[int, int]] | None = None  # the container's user and group
        self.warnings: list[str] = []

    def procfs(self) -> int:
        """A procfs that is one for sure (CVE-2019-19921, CVE-2025-52881): the container's own if we have
        just mounted it, otherwise another of this pid namespace that is attached nowhere."""
        if self.proc < 0 or mount.fstatfs_type(self.proc) != PROC_SUPER_MAGIC:
            context = mount.fsopen("proc")
            mount.fsconfig_create(context)
            self.proc = mount.fsmount(context)
            os.close(context)
        return self.proc

    def open(self, path: str) -> int:
        """O_PATH, in the container's root."""
        return open_path(self.root, path)
