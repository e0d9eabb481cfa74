"""Writes docs/compatibility.md: what Docker has, and whether sampan has it, read from the tables that run.

    python docs/compatibility/generate.py           # writes it
    python docs/compatibility/generate.py --check   # exit 1 when it is stale

Docker's side are the recorded names in this directory (record.py), ours are `cli/commands.py`, the FLAGS of
each verb and `api/routes.py`; nothing is listed by hand but the reasons (reasons.toml).
"""

import json
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sampan.api import absent, routes
from sampan.api.router import expression
from sampan.cli import commands, dispatch

HERE = Path(__file__).parent
TARGET = HERE.parent / "compatibility.md"
NOT_YET = "not yet"
_LIGHT = ("run", "create")


@dataclass
class Command:
    """`flags` are Docker's; `missing`: flag → reason; `other`: flag → how ours differs, or what it does not
    do; `more`: ours only."""

    name: str
    here: bool
    reason: str = ""
    flags: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)
    more: list[str] = field(default_factory=list)

    @property
    def had(self) -> int:
        return len(self.flags) - len(self.missing)


@dataclass
class Operation:
    method: str
    path: str
    state: str  # "served", "off": answers as a Docker without it, "missing"
    reason: str = ""


def paths() -> dict[str, str]:
    """Every verb of ours, by its words: `ps` and `container ls`."""
    found = dict(commands.VERBS)
    for group, verbs in commands.GROUPS.items():
        found |= {f"{group} {verb}": path for verb, path in verbs.items()}
    return found


def compare(docker: dict[str, Any], reasons: dict[str, Any]) -> list[Command]:
    ours = paths()
    found = [_globals(docker[""]["flags"], reasons)]
    for name, entry in docker.items():
        if not name or entry["group"]:
            continue
        flags = entry["flags"]
        if name in ours:
            verb = dispatch.load(ours[name])
            found.append(_compared(name, flags, verb.FLAGS, reasons))
        else:
            found.append(Command(name, False, _of_command(name, reasons), sorted(flags)))
    return found


def _globals(flags: dict[str, list[str]], reasons: dict[str, Any]) -> Command:
    return _compared("", flags, dispatch.GLOBAL_FLAGS, reasons)


def _compared(name: str, theirs: dict[str, list[str]], ours: Any, reasons: dict[str, Any]) -> Command:
    by_name = {flag[0]: flag for flag in ours}
    command = Command(name, True, flags=sorted(theirs))
    for flag, (short, kind) in sorted(theirs.items()):
        own = by_name.get(flag)
        if own is None:
            command.missing[flag] = _of_flag(name, flag, reasons)
        elif own[1] != short:
            command.other[flag] = f"-{short} there, {'-' + own[1] if own[1] else 'no letter'} here"
        elif (own[2] == "bool") != (kind == "bool"):
            command.other[flag] = f"{kind} there, {own[2]} here"
        elif (limit := _entry(name, flag, reasons["limits"])) is not None:
            command.other[flag] = limit
    command.more = sorted(flag[0] for flag in ours if flag[4] and flag[0] not in theirs)
    return command


def _of_command(name: str, reasons: dict[str, Any]) -> str:
    words = name.split()
    for length in range(len(words), 0, -1):
        if reason := reasons["commands"].get(" ".join(words[:length])):
            return str(reason)
    return NOT_YET


def _of_flag(name: str, flag: str, reasons: dict[str, Any]) -> str:
    return _entry(name, flag, reasons["flags"]) or NOT_YET


def _entry(name: str, flag: str, table: dict[str, str]) -> str | None:
    short = name.removeprefix("container ")
    keys = (f"{name} --{flag}", f"{short} --{flag}", f"* --{flag}")
    return next((table[key] for key in keys if key in table), None)


def operations(listed: list[list[str]], reasons: dict[str, Any]) -> list[Operation]:
    table = [
        (method, re.compile(expression(pattern)), handler) for method, pattern, handler, _ in routes.table()
    ]
    found = []
    for method, path in listed:
        sample = path.replace("{", "").replace("}", "")
        wanted = {method, "GET" if method == "HEAD" else method}
        handler = next((h for m, match, h in table if m in wanted and match.fullmatch(sample)), None)
        state = "served"
        if handler is None or handler is absent.not_yet:
            state = "missing"
        elif handler.__module__ == absent.__name__:
            state = "off"
        found.append(
            Operation(method, path, state, "" if state == "served" else _of_operation(method, path, reasons))
        )
    return found


def _of_operation(method: str, path: str, reasons: dict[str, Any]) -> str:
    table = reasons["operations"]
    if f"{method} {path}" in table:
        return str(table[f"{method} {path}"])
    return next((str(reason) for start, reason in table.items() if path.startswith(start)), NOT_YET)


def load() -> tuple[list[Command], list[Operation], str, str]:
    """(commands, operations, Docker's version, the API's)."""
    docker = json.loads((HERE / "docker-28.2.json").read_text())
    api = json.loads((HERE / "engine-api-1.51.json").read_text())
    reasons = tomllib.loads((HERE / "reasons.toml").read_text())
    found = compare(docker["commands"], reasons)
    return found, operations(api["operations"], reasons), docker["version"], api["version"]


def document() -> str:
    found, pages, docker, api = load()
    return (
        "\n".join([*_figures(found, pages, docker, api), *_commands(found), *_flags(found), *_pages(pages)])
        + "\n"
    )


def _figures(found: list[Command], pages: list[Operation], docker: str, api: str) -> list[str]:
    by_name = {command.name: command for command in found}
    here = [command for command in found if command.here]
    lines = [
        "# Compatibility",
        "",
        "Written by `docs/compatibility/generate.py` from the code; do not edit. Docker's side are the names",
        f"that the help of its client {docker} and the definition of its API {api} show; plugins (buildx,",
        "compose) are not in it.",
        "",
        "| | sampan has | of |",
        "|---|---:|---:|",
    ]
    for name in _LIGHT:
        lines.append(_share(f"flags of `{name}`", by_name[name].had, len(by_name[name].flags)))
    lines.append(
        _share("flags of the commands it has", sum(c.had for c in here), sum(len(c.flags) for c in here))
    )
    lines.append(_share("commands", len(here) - 1, len(found) - 1))
    served = [page for page in pages if page.state == "served"]
    off = [page for page in pages if page.state == "off"]
    lines.append(_share("operations of the API", len(served), len(pages)))
    lines.append(_share("operations that answer as Docker does where the thing is off", len(off), len(pages)))
    return lines


def _share(what: str, count: int, whole: int) -> str:
    return f"| {what} | {count} | {whole} ({100 * count / whole:.0f} %) |"


def _commands(found: list[Command]) -> list[str]:
    lines = ["", "## Commands", "", "| command | | flags | why not, and which not |", "|---|---|---:|---|"]
    for command in found:
        if not command.name:
            continue
        if not command.here:
            lines.append(f"| `{command.name}` | – | | {command.reason} |")
            continue
        missing = ", ".join(f"`--{flag}`" for flag in command.missing)
        lines.append(f"| `{command.name}` | yes | {command.had} of {len(command.flags)} | {missing} |")
    ours = sorted(set(paths()) - {command.name for command in found})
    return [*lines, "", f"Only here: {', '.join(f'`{name}`' for name in ours)}."]


def _flags(found: list[Command]) -> list[str]:
    lines = [
        "",
        "## Flags",
        "",
        "A command that is known by two names (`run`, `container run`) is shown once.",
    ]
    modules, shown = paths(), set()
    for command in found:
        module = modules.get(command.name, "")
        if not command.here or module in shown or not (command.flags or command.more):
            continue
        shown.add(module)
        lines += ["", f"### {'`' + command.name + '`' if command.name else 'of every command'}", ""]
        had = [f"`--{flag}`" for flag in command.flags if flag not in command.missing]
        if had:
            lines.append(f"Here: {', '.join(had)}.")
        lines += [f"- not `--{flag}`: {reason}" for flag, reason in command.missing.items()]
        lines += [f"- `--{flag}`: {how}" for flag, how in command.other.items()]
        if command.more:
            lines += ["", f"Only here: {', '.join(f'`--{flag}`' for flag in command.more)}."]
    return lines


def _pages(pages: list[Operation]) -> list[str]:
    lines = ["", "## Engine API", "", "| operation | | why not |", "|---|---|---|"]
    shown = {"served": "yes", "off": "as if off", "missing": "–"}
    return lines + [
        f"| `{page.method} {page.path}` | {shown[page.state]} | {page.reason} |" for page in pages
    ]


def main() -> int:
    text = document()
    if "--check" in sys.argv:
        stale = not TARGET.exists() or TARGET.read_text() != text
        print("docs/compatibility.md is stale: run docs/compatibility/generate.py" if stale else "up to date")
        return int(stale)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
