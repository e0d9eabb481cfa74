"""How fast containers talk: iperf3, and connections, in many short rounds that are taken in turns.

Each engine has a network namespace of its own, with another machine behind a pair: neither pays for what the
other one does to packets.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from engine import PREFIX, Engine

from sampan.linux import process

BAR = 0.95  # two runs of one engine differ by as much
SECONDS = "1"  # of one measurement
IPERF, ACCEPT = 5201, 5202  # ports in the container
MACHINE, NEIGHBOUR = "198.18.0.1", "198.18.0.2"  # RFC 2544: no real network
IPERF_PORT, ACCEPT_PORT = 15201, 15202  # of the machine, that lead there
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


class Place(NamedTuple):
    """Where one engine's server is: its machine's network namespace, and its container's address."""

    engine: Engine
    namespace: str
    address: str

    @property
    def machine(self) -> tuple[str, ...]:
        return _enter(self.namespace)

    @property
    def neighbour(self) -> tuple[str, ...]:
        return _enter(_lan(self.namespace))


Measure = Callable[[Place], Figures]


class Row(NamedTuple):
    """`ours` and `peers`, one of each round."""

    title: str
    unit: str
    ours: Sequence[float]
    peers: Sequence[float]

    @property
    def ratio(self) -> float:
        return median(self.ours) / median(self.peers)

    @property
    def half(self) -> tuple[float, float]:
        """Between which half of the rounds' own ratios are."""
        each = [ours / peer for ours, peer in zip(self.ours, self.peers, strict=True)]
        lower, _, upper = quantiles(each) if len(each) > 1 else each * 3
        return lower, upper


def compare(places: Sequence[Place], rounds: int, only: str = "") -> list[Row]:
    """`only`: the cases that have this in their titles."""
    chosen = [(title, measure) for title, measure in CASES if only in title]
    return [row for title, measure in chosen for row in _rows(title, measure, places, rounds)]


def _rows(title: str, measure: Measure, places: Sequence[Place], rounds: int) -> list[Row]:
    found: list[list[Figures]] = [[] for _ in places]
    for number in range(rounds + 1):
        order = range(len(places))
        for index in order if number % 2 else reversed(order):
            figures = measure(places[index])
            if number:  # the first is thrown away
                found[index].append(figures)
    return [Row(title, unit, *([one[unit] for one in several] for several in found)) for unit in found[0][0]]


def serve(engine: Engine, namespace: str) -> Place:
    engine("network", "create", f"{PREFIX}net")
    words = ["--network", f"{PREFIX}net", *ROOT]
    ports = ["-p", f"{IPERF_PORT}:{IPERF}", "-p", f"{ACCEPT_PORT}:{ACCEPT}"]
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
    return Place(engine, namespace, address)


def remove(engine: Engine) -> None:
    engine.remove_all()
    engine("network", "rm", f"{PREFIX}net", check=False)


@contextmanager
def machine(name: str) -> Iterator[str]:
    """A network namespace that stands for a machine, and another one behind a pair."""
    lan = _lan(name)
    try:
        _do("ip", "netns", "add", name)
        _do("ip", "netns", "add", lan)
        _do("ip", "-n", name, "link", "set", "lo", "up")
        _do("ip", "-n", name, "link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "netns", lan)
        for place, link, address in ((name, "lan0", MACHINE), (lan, "eth0", NEIGHBOUR)):
            _do("ip", "-n", place, "address", "add", f"{address}/24", "dev", link)
            _do("ip", "-n", place, "link", "set", link, "up")
        yield name
    finally:
        for place in (lan, name):
            _do("ip", "netns", "delete", place, check=False)


@contextmanager
def started_in(name: str) -> Iterator[None]:
    """Processes that are started inside are of this network namespace."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        process.setns(there, process.CLONE_NEWNET)
        yield
    finally:
        process.setns(here, process.CLONE_NEWNET)
        os.close(there)
        os.close(here)


def _lan(name: str) -> str:
    return f"{name}-lan"


def _enter(name: str) -> tuple[str, ...]:
    return ("nsenter", f"--net=/run/netns/{name}")


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
    return ["/usr/bin/iperf3", "--json", "-c", target, "-p", str(port), "-t", SECONDS, *more]


def _inside(target: str, place: Place, port: int) -> Figures:
    words = ("exec", f"{PREFIX}client", "chroot", "/root", *_iperf(target, port))
    return _figures(lambda: place.engine(*words, check=False))


def _outside(target: str, *more: str, afar: bool = False) -> Measure:
    def measure(place: Place) -> Figures:
        words = (*(place.neighbour if afar else place.machine), *_iperf(target, IPERF_PORT, *more))
        return _figures(lambda: _do(*words, check=False))

    return measure


def _connects(target: str, *, afar: bool = False) -> Measure:
    def measure(place: Place) -> Figures:
        words = (PYTHON, "-S", "-c", CONNECTS, target, str(ACCEPT_PORT), SECONDS)
        return {RATE: float(_do(*(place.neighbour if afar else place.machine), *words))}

    return measure


CASES: list[tuple[str, Measure]] = [
    ("container → container", lambda place: _inside(place.address, place, IPERF)),
    ("published, from 127.0.0.1", _outside("127.0.0.1")),
    ("published, from the machine to its address", _outside(MACHINE)),
    ("published, from another machine", _outside(MACHINE, afar=True)),
    ("published, to another machine", _outside(MACHINE, "--reverse", afar=True)),
    ("published, between containers", lambda place: _inside(MACHINE, place, IPERF_PORT)),
    ("published, connections from 127.0.0.1", _connects("127.0.0.1")),
    ("published, connections from the machine to its address", _connects(MACHINE)),
    ("published, connections from another machine", _connects(MACHINE, afar=True)),
]


def table(rows: list[Row]) -> list[str]:
    lines = ["| traffic | sampan | docker | unit | ratio | half of the rounds | bar | |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        verdict = "met" if row.ratio >= BAR else "not met"
        figures = f"{median(row.ours):.1f} | {median(row.peers):.1f} | {row.unit} | {row.ratio:.2f}"
        between = " – ".join(f"{one:.2f}" for one in row.half)
        lines.append(f"| {row.title} | {figures} | {between} | ≥ {BAR} | {verdict} |")
    return lines
