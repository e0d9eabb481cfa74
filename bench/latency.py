"""Commands, from the start of the client to its end; medians by hyperfine."""

import json
import shlex
import subprocess
import sys
import tempfile
from typing import NamedTuple

from engine import PREFIX, Engine


class Case(NamedTuple):
    """`prepare` brings about what the command needs, outside of the measured part."""

    title: str
    command: str
    bar: str
    limit: float  # of our time divided by the peer's
    prepare: str = ""


class Row(NamedTuple):
    case: Case
    ours: float  # seconds
    peer: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer


IDLE = f"run -d --name {PREFIX}idle busybox sleep 100000"
POLITE = f"run -d --name {PREFIX}polite busybox sh -c 'trap \"exit 0\" TERM; sleep 100000 & wait'"
NEW = f"run -d --name {PREFIX}new busybox sleep 100000"
CASES = (
    Case("run --rm busybox true", "run --rm busybox true", "1/8", 1 / 8),
    Case("run -d busybox sleep", NEW, "1/6", 1 / 6, prepare=f"rm -f {PREFIX}new"),
    Case("exec … true", f"exec {PREFIX}idle true", "1/3", 1 / 3),
    Case("stop (it handles SIGTERM)", f"stop {PREFIX}polite", "1/3", 1 / 3, prepare=f"start {PREFIX}polite"),
    Case("rm -f (it runs)", f"rm -f {PREFIX}new", "1/3", 1 / 3, prepare=NEW),
    Case("ps", "ps", "1.2", 1.2),
)


def compare(ours: Engine, peer: Engine, runs: int) -> list[Row]:
    for engine in (ours, peer):
        for containers in (IDLE, POLITE):
            engine(*shlex.split(containers))
    rows = []
    for case in CASES:
        for engine in (ours, peer):
            engine("rm", "-f", f"{PREFIX}new", check=False)
        rows.append(Row(case, median(case, ours, runs), median(case, peer, runs)))
    return rows


def median(case: Case, engine: Engine, runs: int) -> float:
    """In seconds. Three runs before are thrown away."""
    command = shlex.join(engine.command)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        hyperfine = ["hyperfine", "-N", "-w", "3", "-r", str(runs), "--export-json", file.name]
        if case.prepare:
            hyperfine += ["--prepare", f"{command} {case.prepare}"]
        done = subprocess.run(
            [*hyperfine, f"{command} {case.command}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"bench: {engine.name}: {case.title}: {done.stderr.strip()}")
        return float(json.load(file)["results"][0]["median"])


def table(rows: list[Row]) -> list[str]:
    lines = ["| command | sampan, ms | docker, ms | ratio | bar | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = f"1/{1 / row.ratio:.1f}" if row.ratio < 1 else f"{row.ratio:.2f}"
        met = "met" if row.ratio <= row.case.limit else "**not met**"
        cells = [f"`{row.case.title}`", f"{row.ours * 1e3:.1f}", f"{row.peer * 1e3:.1f}", ratio]
        lines.append(f"| {' | '.join(cells)} | ≤ {row.case.bar} | {met} |")
    return lines
