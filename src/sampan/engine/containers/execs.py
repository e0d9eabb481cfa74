"""`docker exec`: made, started, watched to their end. They live in memory, as in Docker."""

import asyncio
import secrets
import socket
from typing import Any

from sampan.engine import names
from sampan.engine.containers import security
from sampan.engine.containers import spec as specs
from sampan.engine.containers.attach import DEFAULT_KEYS
from sampan.engine.containers.capabilities import effective
from sampan.engine.containers.config import Strings, Wire
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.containers.seccomp import seccomp_file
from sampan.engine.engine import Engine
from sampan.engine.monitorlink import LaunchFailed
from sampan.engine.state import State
from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.runtime.protocol import Attach, ExecExited
from sampan.runtime.protocol import Exec as ExecRequest

_KEPT = 256  # ended ones, over all containers


class ExecConfig(Wire):
    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: list[int] | None = None
    attach_stdin: bool = False
    attach_stderr: bool = False
    attach_stdout: bool = False
    detach: bool = False
    detach_keys: str = ""
    env: Strings = None
    working_dir: str = ""
    cmd: Strings = None


class Exec:
    """`exit_code` None: it has not ended. `started`: it was tried, once."""

    def __init__(self, container: Container, config: ExecConfig) -> None:
        self.id = names.new_id()
        self.container = container
        self.config = config
        self.pid = 0
        self.started = False
        self.running = False
        self.exit_code: int | None = None
        self.ended: asyncio.Future[ExecExited] | None = None  # of one that the engine itself waits for

    @property
    def words(self) -> str:
        """As events name it: moby puts a blank between the program and its arguments, also if it has none."""
        path, *arguments = self.config.cmd or [""]
        return f"{path} {' '.join(arguments)}"


class Execs:
    def __init__(self) -> None:
        self._by_id: dict[str, Exec] = {}
        self._ended: list[str] = []

    def add(self, one: Exec) -> None:
        self._by_id[one.id] = one
        one.container.execs[one.id] = one

    def find(self, identity: str) -> Exec:
        """Raises NotFound in Docker's words."""
        if (found := self._by_id.get(identity)) is not None:
            return found
        matches = [one for key, one in self._by_id.items() if identity and key.startswith(identity)]
        if len(matches) == 1:
            return matches[0]
        raise NotFound(f"No such exec instance: {identity}")

    def ended(self, container: Container, event: ExecExited) -> Exec | None:
        """Keep the last few: clients ask for the exit code afterwards."""
        one = self._by_id.get(event.exec_id)
        if one is None:
            return None
        one.running, one.exit_code, one.pid = False, event.exit_code, 0
        if one.ended is None:
            self.retire(one)
        elif not one.ended.done():
            one.ended.set_result(event)
        return one

    def discard(self, one: Exec) -> None:
        """One of the engine's own, which nobody will ask for."""
        one.container.execs.pop(one.id, None)
        self._by_id.pop(one.id, None)

    def retire(self, one: Exec) -> None:
        one.container.execs.pop(one.id, None)
        self._ended.append(one.id)
        while len(self._ended) > _KEPT:
            self._by_id.pop(self._ended.pop(0), None)

    def abandon(self, container: Container) -> None:
        """Their container ended, and they with it."""
        for one in list(container.execs.values()):
            if one.running:
                one.running, one.exit_code, one.pid = False, 137, 0
            if one.ended is not None and not one.ended.done():
                one.ended.set_result(ExecExited(one.id, 137))
            self.retire(one)


def create(engine: Engine, container: Container, config: ExecConfig) -> str:
    """The new exec's ID. Raises Conflict when the container does not run."""
    check_running(container)
    if not config.cmd:
        raise InvalidArgument("No exec command specified")
    if any("\0" in text for text in (*config.cmd, *(config.env or ()), config.working_dir, config.user)):
        raise InvalidArgument("invalid exec: it contains a NUL byte")
    if config.working_dir and not config.working_dir.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{config.working_dir}' is invalid, it needs to be an absolute path"
        )
    one = Exec(container, config)
    engine.execs.add(one)
    tell_step(engine, one, "exec_create")
    return one.id


def tell_step(engine: Engine, one: Exec, action: str) -> None:
    tell(engine.bus, one.container, f"{action}: {one.words}", execID=one.id)


def check_running(container: Container) -> None:
    if container.state is State.PAUSED:
        raise Conflict(f"Container {container.name} is paused, unpause the container before exec")
    if container.state is State.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    if not container.running or container.link is None:
        raise Conflict(f"container {container.id} is not running")


def check_start(one: Exec) -> None:
    """Before the connection is hijacked, while an error can still be an HTTP status."""
    if one.started:
        raise Conflict(
            f"exec {one.id} has already been started"
            if one.running
            else f"exec command {one.id} has already run"
        )
    check_running(one.container)


async def start(
    engine: Engine, one: Exec, stream: socket.socket | None, early: bytes = b"", *, tty: bool | None = None
) -> None:
    """Run it. `stream` is borrowed: the monitor gets a copy. Raises LaunchFailed, Conflict."""
    check_start(one)
    one.started = True
    config = one.config
    attach = None
    if stream is not None:
        attach = Attach(
            session=secrets.token_hex(8),
            stdin=config.attach_stdin,
            stdout=config.attach_stdout,
            stderr=config.attach_stderr,
            framing="raw" if config.tty else "multiplexed",
            detach_keys=config.detach_keys or DEFAULT_KEYS,
            exec_id=one.id,
            early=early.decode("latin-1"),
        )
    await launch(engine, one, request(engine, one, attach), stream)


def request(engine: Engine, one: Exec, attach: Attach | None) -> ExecRequest:
    return ExecRequest(
        one.id,
        process(engine, one),
        attach,
        None if one.config.privileged else seccomp_file(engine, one.container),
        stdin_open=one.config.attach_stdin and attach is not None,
    )


async def launch(engine: Engine, one: Exec, wanted: ExecRequest, stream: socket.socket | None) -> None:
    """Raises LaunchFailed, Conflict."""
    tell_step(engine, one, "exec_start")
    one.running = True
    try:
        started = await one.container.link.execute(wanted, stream.fileno() if stream is not None else None)
    except LaunchFailed as failed:
        one.running, one.exit_code = False, failed.exit_code
        engine.execs.retire(one)
        raise
    except BaseException:
        one.running, one.exit_code = False, 137
        engine.execs.retire(one)
        raise
    if one.running:
        one.pid = started.pid


def process(engine: Engine, one: Exec) -> dict[str, Any]:
    """The OCI process: the container's own, with what the exec asks for."""
    definition, config = one.container.definition, one.config
    host = definition.host_config
    privileged = config.privileged or host.privileged
    names_ = effective(host.cap_add or [], host.cap_drop or [], privileged=privileged)
    hostname = definition.config.hostname
    env = specs.environment(hostname, definition.config.env or [], tty=config.tty)
    entry: dict[str, Any] = {
        "terminal": config.tty,
        "args": config.cmd,
        "env": specs.merged(env, config.env or []),
        "cwd": config.working_dir or definition.config.working_dir or "/",
        "user": specs.user_of(config.user or definition.config.user, host.group_add or []),
        "capabilities": {
            "bounding": names_, "effective": names_, "permitted": names_, "inheritable": [], "ambient": [],
        },
        "noNewPrivileges": security.no_new_privileges(host) and not config.privileged,
        "oomScoreAdj": host.oom_score_adj,
        "rlimits": specs.rlimits(host, engine.nofile),
    }  # fmt: skip
    if config.tty and config.console_size and all(config.console_size):
        entry["consoleSize"] = {"height": config.console_size[0], "width": config.console_size[1]}
    return entry


def inspect(one: Exec) -> dict[str, Any]:
    config = one.config
    return {
        "ID": one.id,
        "Running": one.running,
        "ExitCode": one.exit_code,
        "ProcessConfig": {
            "tty": config.tty,
            "entrypoint": (config.cmd or [""])[0],
            "arguments": (config.cmd or [""])[1:],
            "privileged": config.privileged,
            **({"user": config.user} if config.user else {}),
        },
        "OpenStdin": config.attach_stdin,
        "OpenStderr": config.attach_stderr,
        "OpenStdout": config.attach_stdout,
        "CanRemove": not one.running and one.exit_code is not None,
        "ContainerID": one.container.id,
        "DetachKeys": "",
        "Pid": one.pid,
    }


async def resize(one: Exec, height: int, width: int) -> None:
    """Raises Conflict when it does not run."""
    if not one.running or one.container.link is None:
        raise Conflict(f"exec {one.id} is not running")
    await one.container.link.resize(height, width, one.id)
