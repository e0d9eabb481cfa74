"""`ps`: the processes of a container, as ids or as ps(1) shows them."""

import json
import subprocess

from sampan.errors import InvalidArgument, Unavailable
from sampan.runtimecli import processes
from sampan.runtimecli.entry import Entry, running
from sampan.runtimecli.flags import Flag, value
from sampan.runtimecli.invocation import Invocation

FLAGS: list[Flag] = [value("format f", "table (default) or json")]


def run(invocation: Invocation) -> int:
    if not invocation.operands:
        raise InvalidArgument('"sampan-runtime ps" requires a minimum of 1 argument')
    form = invocation.given["format"] or "table"
    if form not in ("table", "json"):
        raise InvalidArgument("invalid format option")
    identifier, *options = invocation.operands
    with Entry(invocation.root, identifier) as entry:
        running(entry)
        pids = processes.of(entry.cgroup())
    if form == "json":
        print(json.dumps(pids))
    else:
        print("\n".join(rows(_listing(options or ["-ef"]), pids)))
    return 0


def rows(listing: str, pids: list[int]) -> list[str]:
    """The head of ps(1)'s output, and the lines of those processes."""
    head, *lines = listing.rstrip("\n").split("\n")
    if "PID" not in (columns := head.split()):
        raise InvalidArgument("couldn't find PID field in ps output")
    at = columns.index("PID")
    return [head, *(line for line in lines if int(line.split()[at]) in pids)]


def _listing(options: list[str]) -> str:
    try:
        done = subprocess.run(["ps", *options], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"cannot run ps: {error}") from None
    return done.stdout
