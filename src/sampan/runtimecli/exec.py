"""`exec`: a further process in a running container."""

import json
import os
from typing import Any

from sampan.errors import Conflict, InvalidArgument
from sampan.runtime import container
from sampan.runtime.setup import Stdio
from sampan.runtimecli.attend import attend, signals
from sampan.runtimecli.create import check_console, filter_of, send_console
from sampan.runtimecli.entry import Entry, alive
from sampan.runtimecli.flags import Flag, count, several, switch, value
from sampan.runtimecli.invocation import Invocation, preserved, write_pid_file

FLAGS: list[Flag] = [
    value("process p", "file with the process (runtime-spec, `process`)"),
    switch("tty t", "with a terminal"),
    value("console-socket", "socket that gets the terminal's master"),
    switch("detach d", "do not wait for its end"),
    value("pid-file", "file that the process id is written to"),
    value("cwd", "working directory"),
    several("env e", "NAME=VALUE"),
    value("user u", "UID[:GID]"),
    several("additional-gids g", "further groups"),
    several("cap c", "further capabilities"),
    switch("no-new-privs", "no privileges by execve"),
    value("preserve-fds", "descriptors from 3 on that the process gets"),
    switch("ignore-paused", "also in a paused container: it waits there"),
    value("process-label", "not supported"),
    value("apparmor", "not supported"),
    value("cgroup", "not supported"),
]


def run(invocation: Invocation) -> int:
    given = invocation.given
    if not invocation.operands:
        raise InvalidArgument('"sampan-runtime exec" requires a minimum of 1 argument')
    for name in ("process-label", "apparmor", "cgroup"):
        if given[name]:
            raise InvalidArgument(f"--{name} is not supported")
    identifier, *arguments = invocation.operands
    with signals() as woken, Entry(invocation.root, identifier) as entry:
        spec = entry.config()
        process = wanted(given, arguments, spec)
        check_console(process, given["console-socket"], detached=given["detach"])
        done = _execute(entry, spec, process, given)
        if done.console is not None and given["console-socket"]:
            send_console(given["console-socket"], done.console)
        write_pid_file(given["pid-file"], done.pid)
        return 0 if given["detach"] else attend(done.pidfd, done.console, woken)


def _execute(
    entry: Entry, spec: dict[str, Any], process: dict[str, Any], given: dict[str, Any]
) -> container.Executed:
    record = entry.record()
    status = entry.status(record)
    if record is None or not alive(record):
        raise Conflict("cannot exec in a stopped container")
    if status == "paused" and not given["ignore-paused"]:
        raise Conflict("cannot exec in a paused container (use --ignore-paused to override)")
    pidfd = os.pidfd_open(record.pid)
    try:
        running = container.Running(record.pid, pidfd, entry.cgroup(), spec, [])
        stdio = None if process.get("terminal") else Stdio(0, 1, 2)
        kept = preserved(given["preserve-fds"], process)
        # Who else is in its pid namespace is not on record here.
        return container.execute(
            running, process, stdio, filter_of(entry, spec), preserved=kept, watched=True
        )
    finally:
        os.close(pidfd)


def wanted(given: dict[str, Any], arguments: list[str], spec: dict[str, Any]) -> dict[str, Any]:
    """From the file; or the container's own process with what the flags change."""
    if given["process"]:
        return _from_file(given["process"])
    if not arguments:
        raise InvalidArgument("process args cannot be empty")
    process = {**spec["process"], "args": arguments, "terminal": given["tty"]}
    process["env"] = [*(process.get("env") or ()), *given["env"]]
    if given["cwd"]:
        process["cwd"] = given["cwd"]
    if given["no-new-privs"]:
        process["noNewPrivileges"] = True
    process["user"] = _user(given, process.get("user") or {})
    if given["cap"]:
        process["capabilities"] = _capabilities(process.get("capabilities") or {}, given["cap"])
    return process


def _from_file(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            process = json.load(file)
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"process file {path}: {error}") from None
    if not isinstance(process, dict):
        raise InvalidArgument(f"process file {path}: not an object")
    return process


def _user(given: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    changed = dict(user)
    if given["user"]:
        uid, _, gid = given["user"].partition(":")
        changed = {"uid": count(uid, "user"), "gid": count(gid or None, "user", user.get("gid", 0))}
    if given["additional-gids"]:
        more = [count(gid, "additional-gids") for gid in given["additional-gids"]]
        changed["additionalGids"] = [*(changed.get("additionalGids") or ()), *more]
    return changed


def _capabilities(sets: dict[str, list[str]], more: list[str]) -> dict[str, list[str]]:
    """As runc: into all sets but the inheritable and, for there it would be refused, the ambient one."""
    names = ("bounding", "effective", "permitted")
    return {**sets, **{name: list(dict.fromkeys((*sets.get(name, ()), *more))) for name in names}}
