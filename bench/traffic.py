"""How fast containers talk: iperf3, and connections, in rounds that are taken in turns. Speeds are the best
of them: what other processes of the machine take away is not the network's."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from engine import PREFIX, Engine

BAR = 0.95  # two runs of one engine differ by as much
SECONDS = 2  # of one measurement
IPERF, ACCEPT = 5201, 5202  # ports in the container
MACHINE, NEIGHBOUR = "198.18.0.1", "198.18.0.2"  # RFC 2544: no real network
LAN = "bench-lan"
NEIGHBOURS = ("ip", "netns", "exec", LAN)
# The machine's own programs, in a container that has nothing but busybox.
ROOT = ["--tmpfs", "/root/tmp", "-v", "/usr:/root/usr:ro", "-v", "/dev/urandom:/root/dev/urandom:ro"]
ENTER = "cd /root && ln -s usr/lib lib && ln -s usr/lib64 lib64; exec chroot /root"
PYTHON = f"/usr/bin/{Path(os.path.realpath('/usr/bin/python3')).name}"
ACCEPTS = f"""
import socket
with socket.create_server(("", {ACCEPT}), backlog=4096) as server:
    while True:
        server.accept()[0].close()
"""
# One after another; what the fastest tenth of them takes, as connections per second.
CONNECTS = """
import socket, sys, time
took, end = [], time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    began = time.perf_counter()
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as one:
        one.recv(1)
    took.append(time.perf_counter() - began)
print(1 / sorted(took)[len(took) // 10])
"""


Figures = dict[str, float]  # by unit
SPEED, COST, RATE = "Gbit/s", "Gbit per second of processor", "connections/s"
AVERAGE: dict[str, Callable[[Iterator[float]], float]] = {COST: median}


class Place(NamedTuple):
    """Where one engine's server is: its container's address, and ports of the machine that lead to it."""

    engine: Engine
    address: str
    iperf: int
    accept: int


Measure = Callable[[Place], Figures]


class Row(NamedTuple):
    title: str
    unit: str
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer


def compare(ours: Engine, peer: Engine, rounds: int) -> list[Row]:
    with lan():
        places = [serve(ours, 15201), serve(peer, 25201)]
        return [row for title, measure in CASES for row in _rows(title, measure, places, rounds)]


def _rows(title: str, measure: Measure, places: list[Place], rounds: int) -> list[Row]:
    found: dict[str, list[Figures]] = {place.engine.name: [] for place in places}
    for number in range(rounds + 1):
        for place in places[:: 1 if number % 2 else -1]:
            figures = measure(place)
            if number:  # the first is thrown away
                found[place.engine.name].append(figures)
    each = [found[place.engine.name] for place in places]
    return [
        Row(title, unit, *(AVERAGE.get(unit, max)(one[unit] for one in several) for several in each))
        for unit in each[0][0]
    ]


def serve(engine: Engine, port: int) -> Place:
    engine("network", "create", f"{PREFIX}net")
    words = ["--network", f"{PREFIX}net", *ROOT]
    ports = ["-p", f"{port}:{IPERF}", "-p", f"{port + 1}:{ACCEPT}"]
    run = ("busybox", "sh", "-c")
    engine("run", "-d", "--name", f"{PREFIX}iperf", *words, *ports, *run, f"{ENTER} /usr/bin/iperf3 -s")
    engine("run", "-d", "--name", f"{PREFIX}client", *words, *run, f"{ENTER} /usr/bin/sleep 100000")
    chroot = ("chroot", "/root", PYTHON, "-S", "-c", ACCEPTS)
    engine("exec", "-d", f"{PREFIX}iperf", *chroot)
    address = engine(
        "inspect",
        "-f",
        f'{{{{(index .NetworkSettings.Networks "{PREFIX}net").IPAddress}}}}',
        f"{PREFIX}iperf",
    )
    return Place(engine, address, port, port + 1)


def remove(engine: Engine) -> None:
    engine.remove_all()
    engine("network", "rm", f"{PREFIX}net", check=False)


@contextmanager
def lan() -> Iterator[None]:
    """Another machine: a network namespace behind a pair."""
    _do("ip", "netns", "add", LAN)
    try:
        _do("ip", "link", "add", "benchlan", "type", "veth", "peer", "name", "eth0", "netns", LAN)
        _do("ip", "address", "add", f"{MACHINE}/24", "dev", "benchlan")
        _do("ip", "link", "set", "benchlan", "up")
        _do("ip", "-n", LAN, "address", "add", f"{NEIGHBOUR}/24", "dev", "eth0")
        _do("ip", "-n", LAN, "link", "set", "eth0", "up")
        yield
    finally:
        _do("ip", "netns", "delete", LAN)


def _do(*words: str, check: bool = True) -> str:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"bench: {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()[-300:]}")
    return done.stdout


def _figures(measure: Callable[[], str]) -> Figures:
    """Again while the server has not noticed the end of the last measurement."""
    while "server is busy" in (text := measure()):
        time.sleep(0.2)
    end = json.loads(text)["end"]
    if "sum_received" not in end:
        sys.exit(f"bench: {text[-2000:]}")
    speed = float(end["sum_received"]["bits_per_second"]) / 1e9
    used = end["cpu_utilization_percent"]
    return {SPEED: speed, COST: speed / (used["host_total"] + used["remote_total"]) * 100}


def _iperf(target: str, port: int, *more: str) -> list[str]:
    return ["/usr/bin/iperf3", "--json", "-c", target, "-p", str(port), "-t", str(SECONDS), *more]


def _inside(target: str, place: Place, port: int) -> Figures:
    words = ("exec", f"{PREFIX}client", "chroot", "/root", *_iperf(target, port))
    return _figures(lambda: place.engine(*words, check=False))


def _outside(target: str, *more: str, before: tuple[str, ...] = ()) -> Measure:
    def measure(place: Place) -> Figures:
        return _figures(lambda: _do(*before, *_iperf(target, place.iperf, *more), check=False))

    return measure


def _connects(target: str, before: tuple[str, ...] = ()) -> Measure:
    def measure(place: Place) -> Figures:
        rate = float(_do(*before, PYTHON, "-S", "-c", CONNECTS, target, str(place.accept), str(SECONDS)))
        return {RATE: rate}

    return measure


CASES: list[tuple[str, Measure]] = [
    ("container → container", lambda place: _inside(place.address, place, IPERF)),
    ("published, from 127.0.0.1", _outside("127.0.0.1")),
    ("published, from the machine to its address", _outside(MACHINE)),
    ("published, from another machine", _outside(MACHINE, before=NEIGHBOURS)),
    ("published, to another machine", _outside(MACHINE, "--reverse", before=NEIGHBOURS)),
    ("published, between containers", lambda place: _inside(MACHINE, place, place.iperf)),
    ("published, from 127.0.0.1", _connects("127.0.0.1")),
    ("published, from the machine to its address", _connects(MACHINE)),
    ("published, from another machine", _connects(MACHINE, before=NEIGHBOURS)),
]


def table(rows: list[Row]) -> list[str]:
    lines = ["| traffic | sampan | docker | unit | ratio | bar | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        verdict = "met" if row.ratio >= BAR else "not met"
        figures = f"{row.ours:.1f} | {row.peer:.1f} | {row.unit} | {row.ratio:.2f}"
        lines.append(f"| {row.title} | {figures} | ≥ {BAR} | {verdict} |")
    return lines
