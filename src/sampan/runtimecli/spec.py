"""`spec`: an example config.json to begin with."""

import os

from sampan.errors import Conflict, Unsupported
from sampan.runtimecli.create import example
from sampan.runtimecli.flags import Flag, switch, value
from sampan.runtimecli.invocation import Invocation

FLAGS: list[Flag] = [
    value("bundle b", "directory that it is written to (default: the current one)"),
    switch("rootless", "not supported"),
]


def run(invocation: Invocation) -> int:
    if invocation.given["rootless"]:
        raise Unsupported("rootless containers are not supported")
    path = f"{invocation.given['bundle'] or '.'}/config.json"
    if os.path.exists(path):
        raise Conflict("File config.json exists. Remove it first")
    with open(path, "w", encoding="utf-8") as file:
        file.write(example() + "\n")
    return 0
