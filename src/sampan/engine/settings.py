"""Where one daemon keeps its things, and what its configuration file says."""

import os
import shutil
import tomllib
from dataclasses import dataclass, field
from typing import Any

from sampan.errors import InvalidArgument

VERSION = "0.1.0"


@dataclass(frozen=True)
class Settings:
    """Roots are absolute and real. `file`: the tables of the configuration file."""

    data_root: str
    run_root: str
    file: dict[str, Any] = field(default_factory=dict)

    def container_data(self, container_id: str) -> str:
        return f"{self.data_root}/containers/{container_id}"

    def container_run(self, container_id: str) -> str:
        return f"{self.run_root}/containers/{container_id}"

    @property
    def cgroup_parent(self) -> str:
        """Of containers that name none; "" is the runtime's."""
        return str(self.file.get("cgroup-parent", ""))

    @property
    def link_variables(self) -> bool:
        """Whether --link gives the other one's ports and variables, as Docker up to 28 does."""
        return bool(self.file.get("link-variables", False))

    @property
    def volumes(self) -> str:
        return f"{self.data_root}/volumes"

    @property
    def trash(self) -> str:
        return f"{self.data_root}/trash"


def read_config(path: str, *, required: bool) -> dict[str, Any]:
    """The configuration file as tables. Raises InvalidArgument with file and line."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if required:
            raise InvalidArgument(f"cannot read the configuration: {path} does not exist") from None
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"cannot read the configuration {path}: {error}") from None


def prepare_roots(data_root: str, run_root: str) -> tuple[str, str]:
    """Create what is missing, with modes that keep other users of the machine out (CVE-2021-41091: setuid
    files of a container must not be reachable by path). Returns the real paths."""
    os.makedirs(data_root, mode=0o711, exist_ok=True)
    os.makedirs(run_root, mode=0o711, exist_ok=True)
    data_root, run_root = os.path.realpath(data_root), os.path.realpath(run_root)
    os.chmod(data_root, 0o710)
    for name in ("containers", "volumes", "trash", "seccomp", "build", "build/mounts", "disks"):
        os.makedirs(f"{data_root}/{name}", mode=0o710, exist_ok=True)
    os.makedirs(f"{run_root}/containers", mode=0o700, exist_ok=True)
    shutil.rmtree(
        f"{run_root}/builds", ignore_errors=True
    )  # secrets of builds that did not come to their end
    os.makedirs(f"{run_root}/builds", mode=0o700)
    return data_root, run_root
