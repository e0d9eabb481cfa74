"""Where a running container's cgroups are. To read and to write them takes neither a fork nor a namespace, so
the daemon does it itself, on a worker thread."""

from sampan.engine.containers.record import Container
from sampan.runtime import cgroup, cgroup_layout
from sampan.runtime.cgroup import Cgroup


def of(container: Container) -> Cgroup:
    """As `runtime.container` made them from the container's spec."""
    definition = container.definition
    parent = definition.host_config.cgroup_parent or definition.cgroup_parent or cgroup.PARENT
    return cgroup.find(cgroup_layout.detect(), f"{parent.rstrip('/')}/{container.id}")
