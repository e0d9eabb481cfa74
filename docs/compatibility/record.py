"""Writes down what Docker has: the commands and flags that the help of a stock client shows, and the
operations of an Engine API definition. Names only; run once for a version.

    python docs/compatibility/record.py client /usr/local/bin/docker > docs/compatibility/docker-28.2.json
    python docs/compatibility/record.py api swagger.yaml > docs/compatibility/engine-api-1.51.json
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_COMMAND = re.compile(r"  (\S+?)\*?  +\S")
_FLAG = re.compile(r" {2,6}(?:-(\S), | {4})--(\S+)(?: (\S+))?(?: {2,}|$)")


def client(program: str) -> dict[str, Any]:
    """{"version", "commands": {"container run": {"flags": {"env": ["e", "list"]}}}}"""
    with tempfile.TemporaryDirectory() as nothing:  # neither plugins nor a configuration of the user
        environment = {"PATH": os.environ["PATH"], "HOME": nothing, "DOCKER_CONFIG": nothing}
        commands: dict[str, Any] = {}
        version = _run(program, environment, "--version")
        _record(program, environment, (), commands)
    return {"version": version.split()[2].rstrip(","), "commands": commands}


def _record(program: str, environment: dict[str, str], words: tuple[str, ...], found: dict[str, Any]) -> None:
    text = _run(program, environment, *words, "--help")
    flags, names = {}, []
    section = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = line
        elif section.endswith("Commands:") and (match := _COMMAND.match(line)):
            names.append(match[1])
        elif section.endswith("Options:") and (match := _FLAG.match(line)):
            flags[match[2]] = [match[1] or "", match[3] or "bool"]
    flags.pop("help", None)  # shown where -h is another flag
    found[" ".join(words)] = {"flags": flags, "group": bool(names) and bool(words)}
    for name in names:
        _record(program, environment, (*words, name), found)


def _run(program: str, environment: dict[str, str], *words: str) -> str:
    done = subprocess.run([program, *words], capture_output=True, text=True, env=environment, check=False)
    return done.stdout + done.stderr


def api(path: str) -> dict[str, Any]:
    """{"version", "operations": [["GET", "/containers/json"]]}; the file is read as lines: what is wanted of
    it stands at fixed depths."""
    version, operations, page = "", [], ""
    in_paths = False
    for line in Path(path).read_text().splitlines():
        if match := re.fullmatch(r'basePath: "/v(\S+)"', line):
            version = match[1]
        if line and not line.startswith((" ", "#")):
            in_paths = line == "paths:"
        elif in_paths and (match := re.fullmatch(r"  (/\S+):", line)):
            page = match[1]
        elif in_paths and (match := re.fullmatch(r"    (get|post|put|delete|head|options|patch):", line)):
            operations.append([match[1].upper(), page])
    return {"version": version, "operations": operations}


def lines(recorded: dict[str, Any]) -> str:
    """JSON with one command, or one operation, a line: for people who compare versions."""
    version = json.dumps(recorded.pop("version"))
    [(name, found)] = recorded.items()
    if isinstance(found, list):
        rows, marks = [json.dumps(item) for item in found], "[]"
    else:
        rows, marks = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items()], "{}"
    body = ",\n  ".join(rows)
    return f'{{\n "version": {version},\n "{name}": {marks[0]}\n  {body}\n {marks[1]}\n}}'


if __name__ == "__main__":
    print(lines({"client": client, "api": api}[sys.argv[1]](sys.argv[2])))
