"""`post_start` and `pre_stop`: commands that run in a container after its start and before its stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sampan.client.container import exec
from sampan.client.container.inspect import inspect
from sampan.compose import labels
from sampan.errors import Conflict, Internal, NotFound
from sampan.wire.stdcopy import Demultiplexer

if TYPE_CHECKING:
    from sampan.client.connection import Client
    from sampan.compose.model import Hook, Project, Service

_OUTPUT = 4096  # bytes of a hook's output that an error shows


def post_start(client: Client, service: Service, name: str) -> None:
    """Raises Internal when one fails."""
    for hook in service.post_start:
        status, output = run(client, name, hook)
        if status:
            raise Internal(f"{name}: post_start hook exited with status {status}: {output.strip()}")


def pre_stop(client: Client, project: Project, name: str) -> None:
    """Whatever becomes of them, the stop follows."""
    if not any(service.pre_stop for service in project.services.values()):
        return
    try:
        given = inspect(client, name)["Config"].get("Labels") or {}
        service = project.services.get(given.get(labels.SERVICE, ""))
        for hook in service.pre_stop if service is not None else ():
            run(client, name, hook)
    except (Conflict, NotFound):  # it does not run
        return


def run(client: Client, name: str, hook: Hook) -> tuple[int, str]:
    """Its exit status, and the end of its output."""
    config: dict[str, Any] = {
        "Cmd": hook.command,
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": [f"{key}={value}" for key, value in hook.environment.items() if value is not None],
        "Privileged": hook.privileged,
        "User": hook.user,
        "WorkingDir": hook.working_dir,
    }
    identity = exec.create(client, name, {key: value for key, value in config.items() if value})
    connection, first = exec.attach(client, identity).hijack()
    frames, output, data = Demultiplexer(), b"", first
    try:
        while True:
            output = (output + b"".join(piece for _, piece in frames.feed(data)))[-_OUTPUT:]
            data = connection.recv(_OUTPUT)
            if not data:
                break
    finally:
        connection.close()
    status = int(exec.inspect(client, identity).get("ExitCode") or 0)
    return status, output.decode("utf-8", "replace")
