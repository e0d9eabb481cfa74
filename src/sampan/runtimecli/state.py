"""`state`: what the runtime-spec calls the state of a container."""

import json

from sampan.runtimecli import entry as entries
from sampan.runtimecli.flags import Flag
from sampan.runtimecli.invocation import Invocation, one_operand

FLAGS: list[Flag] = []


def run(invocation: Invocation) -> int:
    with entries.Entry(invocation.root, one_operand(invocation, "state")) as entry:
        print(json.dumps(entries.describe(entry), indent=2))
    return 0
