"""`container:NAME` in the modes of network, pid and ipc: whose namespaces, and what comes with them."""

from typing import NamedTuple

from sampan.engine.containers.config import HostConfig
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import Conflict, InvalidArgument, NotFound

_LINKS = {"network": "net", "pid": "pid", "ipc": "ipc"}


class Joined(NamedTuple):
    """`namespaces`: type → path; `hostname`, `files`: of the container whose network is shared; `watched`:
    run directory of the one whose processes are seen from now on."""

    namespaces: dict[str, str]
    hostname: str = ""
    files: str = ""
    shm: str = ""
    watched: str = ""


def check(engine: Engine, host: HostConfig) -> None:
    """At create: the others of pid and ipc are there. Network is looked up at the start, as in Docker."""
    for mode in (host.pid_mode, host.ipc_mode):
        if mode.startswith("container:"):
            try:
                engine.containers.find(mode.removeprefix("container:"))
            except NotFound as error:
                raise InvalidArgument(str(error)) from None


def joined_by(engine: Engine, container: Container) -> Joined:
    """Raises NotFound or Conflict when the other container is not there or does not run."""
    host = container.definition.host_config
    joined = Joined({})
    for kind, mode in (("network", host.network_mode), ("pid", host.pid_mode), ("ipc", host.ipc_mode)):
        if not mode.startswith("container:"):
            continue
        other = _other(engine, mode.removeprefix("container:"), kind)
        joined.namespaces[kind] = f"/proc/{other.status.pid}/ns/{_LINKS[kind]}"
        if kind == "network":
            directory = engine.settings.container_data(other.id)
            joined = joined._replace(hostname=other.definition.config.hostname, files=directory)
        elif kind == "pid":
            joined = joined._replace(watched=engine.settings.container_run(other.id))
        else:
            joined = joined._replace(shm=shared_memory(engine, other))
    if host.ipc_mode == "host":
        joined = joined._replace(shm="/dev/shm")
    elif host.ipc_mode == "shareable":
        joined = joined._replace(shm=shared_memory(engine, container))
    return joined


def shared_memory(engine: Engine, container: Container) -> str:
    """The host's directory behind the /dev/shm of a container whose IPC others may join: `containers.shm`."""
    return f"{engine.settings.container_run(container.id)}/shm"


def _other(engine: Engine, word: str, kind: str) -> Container:
    try:
        other = engine.containers.find(word)
    except NotFound:
        raise NotFound(f"No such container: {word}") from None
    if not other.running:
        if kind == "network":
            raise Conflict(f"cannot join network of a non running container: {other.id}")
        raise Conflict(f"cannot join {kind.upper()} of a non running container: {other.id}")
    if kind == "ipc" and other.definition.host_config.ipc_mode != "shareable":
        raise Conflict(
            f"can't join IPC of container {other.id}: non-shareable IPC (hint: use IpcMode:shareable for the"
            " donor container)"
        )
    return other
