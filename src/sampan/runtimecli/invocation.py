"""What the command line came to, for the verbs: root, log, flags and operands."""

import json
import os
import sys
from typing import Any, NamedTuple

from sampan.errors import InvalidArgument
from sampan.runtime.logs import now
from sampan.runtimecli.flags import count


class Log:
    """`--log`: where errors and warnings go besides standard error."""

    def __init__(self, path: str | None, form: str) -> None:
        """Raises OSError."""
        self._json = form == "json"
        self._fd = -1
        if path:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def fail(self, text: str) -> None:
        self._write("error", text)
        print(text if self._fd >= 0 else f"sampan-runtime: {text}", file=sys.stderr)

    def warn(self, text: str) -> None:
        self._write("warning", text)

    def _write(self, level: str, text: str) -> None:
        if self._fd < 0:
            return
        if self._json:
            line = json.dumps({"level": level, "msg": text, "time": now()})
        else:
            line = f'time="{now()}" level={level} msg={json.dumps(text)}'
        os.write(self._fd, f"{line}\n".encode())


class Invocation(NamedTuple):
    root: str
    log: Log
    given: dict[str, Any]  # the verb's flags
    operands: list[str]


def one_operand(invocation: Invocation, verb: str) -> str:
    """The container's ID. Raises InvalidArgument in runc's words."""
    if len(invocation.operands) != 1:
        raise InvalidArgument(f'"sampan-runtime {verb}" requires exactly 1 argument')
    return invocation.operands[0]


def preserved(given: str | None, process: dict[str, Any]) -> int:
    """How many files from 3 on the process gets: first those of socket activation (sd_listen_fds(3))."""
    listening = count(os.environ.get("LISTEN_FDS"), "preserve-fds")
    number = listening + count(given, "preserve-fds")
    for fd in range(3, 3 + number):
        try:
            os.set_inheritable(fd, True)
        except OSError:
            raise InvalidArgument(f"cannot preserve descriptor {fd}: it is not open") from None
    if listening:
        process["env"] = [*(process.get("env") or ()), f"LISTEN_FDS={listening}", "LISTEN_PID=1"]
    return number


def write_pid_file(path: str | None, pid: int) -> None:
    """Whole, or not at all: engines wait for it."""
    if not path:
        return
    directory, name = os.path.split(os.path.abspath(path))
    temporary = f"{directory}/.{name}"
    with open(temporary, "w", encoding="ascii") as file:
        file.write(str(pid))
    os.rename(temporary, path)
