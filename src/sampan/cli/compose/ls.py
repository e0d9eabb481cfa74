"""`sampan compose ls`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "List running compose projects"
ALIASES = ("compose ls",)
ARGUMENTS = (0, 0)
FLAGS = (
    ("all", "a", "bool", False, "Show all stopped Compose projects"),
    ("filter", "", "filter", None, "Filter output based on conditions provided (name)"),
    ("format", "", "string", "table", "Format the output. Values: [table | json]"),
    ("quiet", "q", "bool", False, "Only display project names"),
)
_PREFIX = "com.docker.compose."


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["format"] not in ("table", "json"):
        raise ExitWith(1, f'unsupported format "{options["format"]}": write table or json')
    for key, _ in options["filter"]:
        if key != "name":
            raise ExitWith(1, f"invalid filter '{key}'")
    from sampan.client.container.ps import ps

    found = ps(session.client, all=True, wanted={"label": [f"{_PREFIX}project"]})
    rows = _projects(found)
    if not options["all"]:
        rows = [row for row in rows if "running" in row["Status"]]
    names = [value for key, value in options["filter"] if key == "name"]
    rows = [row for row in rows if not names or any(name in row["Name"] for name in names)]
    if options["quiet"]:
        for row in rows:
            console.out(row["Name"])
    elif options["format"] == "json":
        from sampan.wire import json

        console.out(json.dumps(rows))
    else:
        keys = ("Name", "Status", "ConfigFiles")
        lines = [["NAME", "STATUS", "CONFIG FILES"], *([row[key] for key in keys] for row in rows)]
        console.write(console.STDOUT, format.table(lines).encode())
    return 0


def _projects(containers: list[dict[str, Any]]) -> list[dict[str, str]]:
    states: dict[str, dict[str, int]] = {}
    files: dict[str, str] = {}
    for item in containers:
        given = item["Labels"]
        if given.get(f"{_PREFIX}oneoff") == "True":
            continue
        name = given[f"{_PREFIX}project"]
        counts = states.setdefault(name, {})
        counts[item["State"]] = counts.get(item["State"], 0) + 1
        files.setdefault(name, given.get(f"{_PREFIX}project.config_files", "N/A"))
    return [
        {
            "Name": name,
            "Status": ", ".join(f"{state}({count})" for state, count in sorted(states[name].items())),
            "ConfigFiles": files[name],
        }
        for name in sorted(states)
    ]
