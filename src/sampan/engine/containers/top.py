"""`docker top`: what the host's ps says of the container's processes.

ps's options are a language of their own (`aux`, `-eo pid,comm`, `--sort`), and clients count on all of it: so
it is the host's ps that answers, as in Docker. The launcher runs it (`runtime.launcher`): the daemon does not
fork, and a starter would have to be paid for by every launch.
"""

import asyncio
import os
import re
from typing import Any

from sampan.engine.containers import cgroups
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.state import State
from sampan.errors import Conflict, InvalidArgument
from sampan.runtime import cgroup

_RENAMED = re.compile(r"\s+(\S*)=\s*(PID\S*)", re.ASCII)
_BLANKS = " \t\n\v\f\r"  # not str.split()'s: a command line may hold others


async def top(engine: Engine, container: Container, arguments: str) -> dict[str, Any]:
    """Raises Conflict when it does not run, InvalidArgument for options that ps does not know."""
    arguments = arguments or "-ef"
    check(arguments)
    if container.state is State.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    pids = await asyncio.to_thread(cgroup.pids, cgroups.of(container)) if container.running else []
    if not pids:
        raise Conflict(f"Container {container.id} is not running")
    found = parse(await _listing(engine, arguments.split(" "), pids), frozenset(pids))
    tell(engine.bus, container, "top")
    return found


def check(arguments: str) -> None:
    """The column PID is what processes are found by: nothing else may have its name."""
    if "\0" in arguments:
        raise InvalidArgument("invalid ps options: they contain a NUL byte")
    for name, title in _RENAMED.findall(arguments):
        if name != "pid":
            raise InvalidArgument(f'specifying "{name}={title}" is not allowed')


def parse(output: str, pids: frozenset[int]) -> dict[str, Any]:
    """The titles, and the lines of these processes; a line whose PID is `-` is a thread (ps's `m`) of the
    process above it. Raises InvalidArgument."""
    head, *lines = output.split("\n")
    titles = _fields(head)
    if "PID" not in titles:
        raise InvalidArgument("Couldn't find PID field in ps output")
    place, rows, ours = titles.index("PID"), [], False
    for line in lines:
        fields = _fields(line)
        if len(fields) <= place:
            continue
        if fields[place] != "-":
            if not fields[place].isdecimal():
                raise InvalidArgument(f"Unexpected pid '{fields[place]}'")
            ours = int(fields[place]) in pids
        if ours:
            last = len(titles) - 1  # a command line has blanks: what hangs over belongs to the last column
            rows.append([*fields[:last], " ".join(fields[last:])])
    return {"Titles": titles, "Processes": rows}


def _fields(line: str) -> list[str]:
    return [field for field in re.split(f"[{_BLANKS}]+", line) if field]


async def _listing(engine: Engine, arguments: list[str], pids: list[int]) -> str:
    """Some options (`f`, `-C`) do not go together with `-q`: then all processes are listed."""
    chosen = "-q" + ",".join(map(str, pids))
    code, output, _ = await _ps(engine, [*arguments, chosen])
    if code == 0:
        return output
    code, output, errors = await _ps(engine, arguments)
    if code != 0:
        raise InvalidArgument(f"ps: {errors.partition(chr(10))[0] or f'exit status {code}'}")
    return output


async def _ps(engine: Engine, arguments: list[str]) -> tuple[int, str, str]:
    files = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("sampan-ps", "sampan-ps-errors")]
    try:
        code = await engine.launcher.ps(arguments, *files)
        output, errors = (os.pread(fd, os.fstat(fd).st_size, 0).decode("utf-8", "replace") for fd in files)
    finally:
        for fd in files:
            os.close(fd)
    return code, output, errors
