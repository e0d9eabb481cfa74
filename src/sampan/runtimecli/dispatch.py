"""The command line → one verb; errors as runc tells them: in the log, on standard error, exit code 1."""

import importlib
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sampan.errors import InvalidArgument, SampanError, Unsupported
from sampan.linux import process, task
from sampan.oci.runtime import VERSION as SPEC_VERSION
from sampan.runtime.failure import CREATE, EXEC, OciError
from sampan.runtimecli import flags
from sampan.runtimecli.entry import DEFAULT_ROOT
from sampan.runtimecli.flags import Flag, switch, value
from sampan.runtimecli.invocation import Invocation, Log

VERBS = {
    "create": "make a container from a bundle; it waits for its start",
    "delete": "take away what is left of a container",
    "exec": "run a further process in a container",
    "features": "say what this runtime can do",
    "kill": "send a signal to a container",
    "list": "list the containers below the root",
    "pause": "let every process of a container stand still",
    "ps": "list the processes of a container",
    "resume": "let a paused container go on",
    "run": "create and start a container",
    "spec": "write an example config.json",
    "start": "start a created container",
    "state": "print the state of a container",
    "update": "change the limits of a container",
}
GLOBAL: list[Flag] = [
    value("root", f"directory of the containers' states (default: {DEFAULT_ROOT})"),
    value("log", "file for errors and warnings"),
    value("log-format", "text (default) or json"),
    switch("debug", "accepted"),
    switch("systemd-cgroup", "not supported"),
    value("rootless", "true is not supported"),
    value("criu", "accepted; there is no checkpoint"),
    switch("help h"),
    switch("version v"),
]
_MISSING = ("checkpoint", "restore", "events")
_CLOSE_RANGE_CLOEXEC = 4  # Linux 5.11
_NEVER_RAN = 255


def main(words: Sequence[str], warnings: Sequence[str] = ()) -> int:
    """`warnings`: for the log."""
    log = Log(None, "text")
    verb = ""
    try:
        given, rest = flags.parse(words, GLOBAL)
        verb = rest[0] if rest else ""
        if given["version"] or given["help"] or verb in ("", "help"):
            print(_about() if given["version"] else _usage())
            return 0
        log = Log(given["log"], given["log-format"] or "text")
        for warning in warnings:
            log.warn(warning)
        return _run(verb, rest[1:], given, log)
    except OSError as error:
        log.fail(f"{error.filename or verb}: {error.strerror}")
    except SampanError as error:
        log.fail(told(error))
    return _NEVER_RAN if verb == "exec" else 1


def _run(verb: str, words: Sequence[str], given: dict[str, Any], log: Log) -> int:
    module = _verb(verb)
    _check(given)
    wanted, operands = flags.parse(words, [*module.FLAGS, switch("help h")])
    if wanted["help"]:
        print(_usage_of(verb, module.FLAGS))
        return 0
    # What we were given stays ours: the container and its hooks get none of it, but by --preserve-fds.
    process.close_range(3, flags=_CLOSE_RANGE_CLOEXEC)
    task.set_undumpable()
    code: int = module.run(Invocation(os.path.abspath(given["root"] or DEFAULT_ROOT), log, wanted, operands))
    return code


def _verb(name: str) -> ModuleType:
    if name in _MISSING:
        raise Unsupported(f"{name} is not supported by sampan-runtime")
    if name not in VERBS:
        raise InvalidArgument(f"No help topic for '{name}'")
    return importlib.import_module(f"sampan.runtimecli.{name}")


def _check(given: dict[str, Any]) -> None:
    if given["systemd-cgroup"]:
        raise Unsupported(
            "--systemd-cgroup is not supported: sampan-runtime writes the cgroup files itself "
            "(choose the cgroupfs driver)"
        )
    if given["rootless"] == "true":
        raise Unsupported("--rootless is not supported: sampan-runtime needs root")
    if given["log-format"] not in (None, "text", "json"):
        raise InvalidArgument(f"unknown log-format {given['log-format']!r}")


def told(error: SampanError) -> str:
    """Without what Docker puts before it: the engine above us does that itself."""
    if isinstance(error, OciError):
        doing = {CREATE[:8]: "", EXEC[:8]: "exec failed: "}.get(error.prefix[:8])
        return (
            error.message if doing is None else f"{doing}unable to start container process: {error.message}"
        )
    return str(error)


def _about() -> str:
    from sampan.engine.settings import VERSION

    return f"sampan-runtime version {VERSION}\nspec: {SPEC_VERSION}"


def _usage() -> str:
    verbs = "\n".join(f"   {name:10} {about}" for name, about in VERBS.items())
    return (
        "NAME:\n   sampan-runtime - run containers as the Open Container Initiative specifies\n\n"
        "USAGE:\n   sampan-runtime [global options] command [command options] [arguments...]\n\n"
        f"COMMANDS:\n{verbs}\n\nGLOBAL OPTIONS:\n{_options(GLOBAL)}"
    )


def _usage_of(verb: str, known: Sequence[Flag]) -> str:
    head = f"NAME:\n   sampan-runtime {verb} - {VERBS[verb]}"
    return f"{head}\n\nOPTIONS:\n{_options(known)}" if known else head


def _options(known: Sequence[Flag]) -> str:
    rows = []
    for flag in known:
        names = ", ".join(f"-{name}" if len(name) == 1 else f"--{name}" for name in flag.names)
        rows.append(f"   {names + ('' if flag.kind == 'switch' else ' value'):28} {flag.about}".rstrip())
    return "\n".join(rows)
