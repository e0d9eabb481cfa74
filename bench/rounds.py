"""Cases that are too big for hyperfine: a few rounds, the contenders in turn, medians."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from engine import Engine

OURS = "sampan"
Arguments = Callable[[str, int], list[str]]  # (contender, round)


class Bar(NamedTuple):
    """`limit`: seconds, or our time divided by that of `peer`."""

    text: str
    limit: float
    peer: str = ""


class Case(NamedTuple):
    """`prepare` brings about what the command needs, outside of the measured part."""

    title: str
    bars: Sequence[Bar]
    arguments: Arguments
    prepare: Callable[[str, int], None] = lambda _name, _round: None
    warm: bool = False  # one run before, which is thrown away


class Row(NamedTuple):
    case: Case
    seconds: Mapping[str, float]  # by contender, ours first


def compare(case: Case, contenders: Mapping[str, Engine], rounds: int) -> Row:
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(-1 if case.warm else 0, rounds):
        for name, engine in contenders.items():
            case.prepare(name, number)
            os.sync()  # nobody pays for what others have left to be written
            seconds = timed(engine, case.arguments(name, number))
            if number >= 0:
                found[name].append(seconds)
    row = Row(case, {name: statistics.median(values) for name, values in found.items()})
    print("\n".join(table([row])[2:]), file=sys.stderr, flush=True)
    return row


def timed(engine: Engine, arguments: Sequence[str]) -> float:
    """From the start of the client to its end."""
    environment = {**os.environ, **engine.environment}
    begun = time.perf_counter()
    done = subprocess.run(
        [*engine.command, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"bench: {engine.name} {' '.join(arguments)}: {done.stderr.strip()}")
    return seconds


def table(rows: Sequence[Row]) -> list[str]:
    """Several cases with the same contenders."""
    names = list(rows[0].seconds)
    lines = ["| | " + " | ".join(f"{name}, ms" for name in names) + " | ratio | bar | |"]
    lines.append("|---" * (len(names) + 4) + "|")
    for row in rows:
        for bar in row.case.bars:
            cells = [
                row.case.title,
                *(f"{row.seconds[name] * 1e3:.0f}" for name in names),
                *verdict(row, bar),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def verdict(row: Row, bar: Bar) -> list[str]:
    ours = row.seconds[OURS]
    value = ours / row.seconds[bar.peer] if bar.peer else ours
    ratio = f"{value:.2f} of {bar.peer}" if bar.peer else ""
    return [ratio, f"≤ {bar.text}", "met" if value <= bar.limit else "**not met**"]
