"""Completion in real shells, of what a real daemon has; the protocol of the stock client's own scripts."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clients import SAMPAN, Client, ours, stock
from harness.daemon import Daemon
from harness.waiting import FACTOR

Complete = Callable[[str], list[str]]
BASH = """
source {script}
COMP_LINE=$1; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9
compopt() {{ :; }}
words=($(sed 's/[:=]/ & /g' <<<"$COMP_LINE"))
[[ $COMP_LINE == *' ' ]] && words+=("")
COMP_WORDS=("${{words[@]}}"); COMP_CWORD=$((${{#words[@]}} - 1))
{function}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def things(daemon: Daemon) -> Iterator[dict[str, str]]:
    """A container, a volume; and an environment where `sampan` is ours."""
    sampan = ours(daemon.environment())
    sampan("volume", "create", "comp-kept")
    sampan("create", "--name", "comp-one", "busybox", "true")
    sampan("run", "-d", "--name", "comp-two", "busybox", "sleep", "1000")
    path = f"{Path(SAMPAN).parent}:{os.environ['PATH']}"
    yield {**daemon.environment(), "PATH": path, "DOCKER_CONFIG": "/nonexistent"}
    sampan("rm", "-f", "comp-one", "comp-two")
    sampan("volume", "rm", "comp-kept")


def script(client: Client, shell: str, place: Path) -> Path:
    file = place / f"{client.name}.{shell}"
    file.write_text(client("completion", shell).out)
    return file


def run(command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=30 * FACTOR, check=False
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


CASES = [
    ("rm comp-", ["comp-one", "comp-two"]),
    ("exec comp-", ["comp-two"]),
    ("start comp-", ["comp-one"]),
    ("rm comp-one comp-", ["comp-two"]),
    ("volume rm comp-", ["comp-kept"]),
    ("run --rm busy", ["busybox:latest"]),
    ("run --rm busybox:la", ["latest"]),  # Readline's word begins behind the colon
    ("run --network=bri", ["bridge"]),
    ("run --network bri", ["bridge"]),
    ("network inspect bri", ["bridge"]),
    ("renam", ["rename"]),
    ("run --entryp", ["--entrypoint"]),
]


def test_bash(things: dict[str, str], tmp_path: Path) -> None:
    file = script(ours(things), "bash", tmp_path)
    program = BASH.format(script=file, function="_sampan_complete")
    for line, wanted in CASES:
        assert sorted(run(["bash", "-c", program, "bash", f"sampan {line}"], things)) == wanted, line


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_fish(things: dict[str, str], tmp_path: Path) -> None:
    file = script(ours(things), "fish", tmp_path)
    environment = {**things, "HOME": str(tmp_path)}
    for line, wanted in (("rm comp-", ["comp-one", "comp-two"]), ("run --network=bri", ["--network=bridge"])):
        asked = f"source {file}; complete -C 'sampan {line}'"
        found = [found.partition("\t")[0] for found in run(["fish", "--no-config", "-c", asked], environment)]
        assert sorted(found) == wanted


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh(things: dict[str, str], tmp_path: Path) -> None:
    """With stand-ins for what only its line editor has."""
    file = script(ours(things), "zsh", tmp_path)
    program = (
        "compdef() { : }; compset() { : }; _files() { print FILES }\n"
        '_describe() { local one; for one in "${(@P)2}"; do print -r -- "${one//\\\\:/=}"; done }\n'
        f'source {file}\nwords=(sampan "$@"); CURRENT=$#words; _sampan'
    )
    found = run(["zsh", "-f", "-c", program, "zsh", "rm", "comp-"], things)
    assert sorted(found) == ["comp-one:busybox", "comp-two:busybox"]
    assert run(["zsh", "-f", "-c", program, "zsh", "run", "--rm", "busy"], things) == ["busybox=latest"]
    assert run(["zsh", "-f", "-c", program, "zsh", "load", "-i", ""], things) == ["FILES"]


def test_dockers_own_script_works_with_our_link(things: dict[str, str], tmp_path: Path) -> None:
    """Asked by the protocol that both have: `__complete`."""
    link = tmp_path / "docker"
    link.symlink_to(SAMPAN)
    environment = {**things, "SAMPAN_PYTHON": sys.executable}
    for line in ("start comp-", "volume rm comp-", "run --rm busy", "renam"):
        words = line.split(" ")
        found = run([str(link), "__complete", *words], environment)
        # The shell leaves the others out.
        start = (":", words[-1])
        wanted = [
            row for row in stock(things)("__complete", *words).out.splitlines() if row.startswith(start)
        ]
        assert sorted(row.split("\t")[0] for row in found) == sorted(row.split("\t")[0] for row in wanted)


def test_no_daemon_is_started_and_none_is_missed(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SAMPAN_PYTHON": sys.executable}
    environment["DOCKER_HOST"] = "unix:///nonexistent/sock"
    assert run([SAMPAN, "__complete", "rm", ""], environment) == [":4"]
