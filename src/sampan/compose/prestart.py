"""`pre_start`: containers that run to their end before a service's containers start.

As Compose 5.3 has it: each step in its own container, one after another, with the mounts and on the networks
of the service's lowest replica; once for the service, and only when none of its replicas runs. Steps with
`per_replica` run before each container that starts. One that fails stays, so that it can be looked at.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampan.client.container import create, logs, rm, start, wait
from sampan.client.container.inspect import inspect
from sampan.client.network import connect
from sampan.compose import labels, observe
from sampan.errors import Internal, NotFound
from sampan.wire.stdcopy import Demultiplexer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.client.connection import Client
    from sampan.compose.model import PreStart, Project, Service

    Report = Callable[[str, str, str], None]

_OUTPUT = 1024  # bytes of a step's output that an error shows
_RUNNING = ("running", "paused", "restarting")


class Preparing:
    """Remembers which services have had their steps. `report`: (kind, name, state)."""

    def __init__(self, client: Client, project: Project, report: Report) -> None:
        self._client = client
        self._project = project
        self._report = report
        self._done: set[str] = set()

    def before(self, service: Service, container: str) -> None:
        """`container` is about to start. Raises Internal when a step fails."""
        once = service.name not in self._done and not self._runs(service)
        self._done.add(service.name)
        for index, step in enumerate(service.pre_start):
            if once or step.per_replica:
                self._run(service, index, step, container)

    def _runs(self, service: Service) -> bool:
        found = observe.containers(self._client, self._project.name, all=False)
        return any(
            item.service == service.name and not item.oneoff and item.state in _RUNNING for item in found
        )

    def _run(self, service: Service, index: int, step: PreStart, container: str) -> None:
        name = self._project.joined(service.name, "pre_start", str(index))
        self._report("Container", name, "Starting")
        with suppress(NotFound):  # one that failed before
            rm.rm(self._client, name, force=True, volumes=True)
        identity = self._create(service, step, container, name)
        try:
            waiting = wait.begin(self._client.another(), identity, "next-exit")
            start.start(self._client, identity)
            status = wait.end(waiting)
        except BaseException:
            rm.rm(self._client, identity, force=True, volumes=True)
            raise
        if status:
            self._report("Container", name, f"Error exited with code {status}")
            raise Internal(
                f'service "{service.name}" pre_start[{index}] exited with code {status}: '
                f"{_tail(self._client, identity)} (hook container {name} retained for inspection)"
            )
        rm.rm(self._client, identity, force=True, volumes=True)
        self._report("Container", name, "Exited")

    def _create(self, service: Service, step: PreStart, container: str, name: str) -> str:
        found = inspect(self._client, container)
        mode = str(found["HostConfig"].get("NetworkMode") or "default")
        networks = found["NetworkSettings"].get("Networks") or {}
        body = {
            **body_of(self._project, service, step),
            "HostConfig": {
                "NetworkMode": mode,
                "VolumesFrom": [found["Id"]],
                "Privileged": step.privileged,
            },
        }
        identity = str(create.create(self._client, body, name, service.platform)["Id"])
        for network in sorted(networks):
            if network != mode and mode in networks:
                connect.connect(self._client, network, identity, {})
        return identity


def body_of(project: Project, service: Service, step: PreStart) -> dict[str, Any]:
    """What POST /containers/create is told of a step, but for mounts and networks."""
    environment = {**service.environment, **step.environment}
    config = {
        "Image": step.image or project.image_of(service),
        "Cmd": step.command,
        "User": step.user,
        "WorkingDir": step.working_dir,
        "Env": [f"{key}={value}" for key, value in environment.items() if value is not None],
        "Labels": labels.of_hook(project, service, "pre_start"),
    }
    return {key: value for key, value in config.items() if value}


def _tail(client: Client, identity: str) -> str:
    frames = Demultiplexer()
    exchange = logs.logs(client.another(), identity, tail="10")
    said = b"".join(text for piece in exchange.chunks() for _, text in frames.feed(piece))
    return said[-_OUTPUT:].decode("utf-8", "replace").strip()
