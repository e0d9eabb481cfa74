"""`list`: the containers below the root."""

import json
from typing import Any

from sampan.errors import InvalidArgument
from sampan.runtimecli import entry as entries
from sampan.runtimecli.flags import Flag, switch, value
from sampan.runtimecli.invocation import Invocation

FLAGS: list[Flag] = [value("format f", "table (default) or json"), switch("quiet q", "only the IDs")]
_COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")


def run(invocation: Invocation) -> int:
    form = invocation.given["format"] or "table"
    if form not in ("table", "json"):
        raise InvalidArgument("invalid format option")
    found = [entries.describe(entry) for entry in entries.every(invocation.root)]
    if invocation.given["quiet"]:
        print("".join(f"{one['id']}\n" for one in found), end="")
    elif form == "json":
        print(json.dumps(found))
    else:
        print("\n".join(table(found)))
    return 0


def table(found: list[dict[str, Any]]) -> list[str]:
    rows = [_COLUMNS, *(tuple(str(one[name.lower()]) for name in _COLUMNS) for one in found)]
    widths = [3 + max(12, *(len(row[at]) for row in rows)) for at in range(len(_COLUMNS))]
    return ["".join(map(str.ljust, row, widths)).rstrip() for row in rows]
