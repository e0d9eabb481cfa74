"""Many containers of one network ask for each other while half of them restart, or the daemon is killed:
nobody hears another one's address, who runs is found, and published ports answer."""

import http.client
import ipaddress
import math
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.asking import Answer, Asking
from harness.clients import Client
from harness.daemon import Daemon
from harness.upstream import Upstream
from harness.waiting import FACTOR, until

FULL = "SAMPAN_FULL_LOAD" in os.environ
CONTAINERS, ROUNDS = (50, 6) if FULL else (8, 2)
KILLS, CONNECTS = (10, 10_000) if FULL else (1, 300)
# Where the tests' own name server for the rest of the world is: two test runs do not meet.
WORLD = f"127.99.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
# Whom it asks first of all. What cannot be resolved in its first moment is noted.
ASKS = "for n in {names}; do getent ahostsv4 $n >/dev/null || echo $0 $n >>/w/lost; done; exec sleep 100000"


class Up(NamedTuple):
    """A time in which a container certainly ran, with what it is called and where it was."""

    names: frozenset[str]
    addresses: frozenset[str]
    since: float
    till: float

    def covers(self, answer: Answer) -> bool:
        return self.since <= answer.asked and answer.heard <= self.till


class Town:
    """`still` containers and those that restart, and when each ran."""

    def __init__(self, sampan: Client, daemon: Daemon, place: Path, count: int) -> None:
        self.sampan, self.daemon, self.network = sampan, daemon, "town"
        self.ups: list[Up] = []
        names = [f"c{number}" for number in range(count)]
        self.still, self.restarting = names[::2], names[1::2]
        self.failure: list[BaseException] = []
        for name in (*self.still, *self.restarting):
            words = ["--network", self.network, "--network-alias", f"the-{name}", "--dns", WORLD]
            asked = ASKS.format(names=" ".join(self.still[:2])) if name in self.restarting else "sleep 100000"
            command = ["-v", f"{place}:/w", "debian", "sh", "-c", asked, name]
            sampan("run", "-d", "--name", name, *words, *command)
        self.pids = [int(self.inspect(name)["State"]["Pid"]) for name in self.still]
        self.ups += [self.up(name, 0.0, math.inf) for name in self.still]

    def inspect(self, name: str) -> dict[str, object]:
        found: dict[str, object] = self.daemon.get(f"/containers/{name}/json")
        return found

    def up(self, name: str, since: float, till: float) -> Up:
        found = self.inspect(name)
        place = found["NetworkSettings"]["Networks"][self.network]
        addresses = frozenset((place["IPAddress"], place["GlobalIPv6Address"]))
        return Up(frozenset((name, f"the-{name}", str(found["Id"])[:12])), addresses, since, till)

    def questions(self) -> list[tuple[str, str]]:
        """For every name of each, and for every address that one of them may have."""
        known = [self.inspect(name) for name in (*self.still, *self.restarting)]
        names = [
            word for one in known for word in (str(one["Name"])[1:], f"the-{one['Name'][1:]}", one["Id"][:12])
        ]
        places = [one["NetworkSettings"]["Networks"][self.network] for one in known]
        addresses = [one[key] for one in places for key in ("IPAddress", "GlobalIPv6Address")]
        back = [(ipaddress.ip_address(one).reverse_pointer, "PTR") for one in addresses]
        return [(name, kind) for name in names for kind in ("A", "AAAA")] + back

    def restart(self, names: list[str]) -> None:
        try:
            for name in names * ROUNDS:
                self.sampan("restart", "-t", "0", name, timeout=120)
                since = time.monotonic()
                found = self.up(name, since, 0)
                threading.Event().wait(0.3)
                self.ups.append(found._replace(till=time.monotonic()))
        except BaseException as error:
            self.failure.append(error)

    def wrong(self, answers: list[Answer]) -> list[str]:
        """What was said of somebody who ran, and was not so; or of somebody, and was another one's."""
        return [f"{answer}" for answer in answers if not self._right(answer)]

    def _right(self, answer: Answer) -> bool:
        if answer.outcome not in ("NOERROR", "NXDOMAIN"):
            return False
        ups = [one for one in self.ups if one.covers(answer)]
        if answer.kind == "PTR":
            return _names_right(answer, ups, self.network)
        version = 4 if answer.kind == "A" else 6
        for one in ups:
            own = {text for text in one.addresses if ipaddress.ip_address(text).version == version}
            if answer.name in one.names:
                return set(answer.found) == own
            if set(answer.found) & own:
                return False
        return True


def _names_right(answer: Answer, ups: list[Up], network: str) -> bool:
    address = str(_address(answer.name))
    for one in ups:
        called = {f"{name}.{network}" for name in one.names}
        if address in one.addresses:
            return len(answer.found) == 1 and answer.found[0] in called
        if set(answer.found) & called:
            return False
    return True


def _address(pointer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    labels = pointer.split(".")[::-1]
    if labels[1] == "in-addr":
        return ipaddress.IPv4Address(".".join(labels[2:]))
    return ipaddress.IPv6Address(int("".join(labels[2:]), 16))


@pytest.fixture
def build(daemon: Daemon, sampan: Client, tmp_path: Path) -> Iterator[Callable[[int], Town]]:
    (tmp_path / "w").mkdir()
    sampan("network", "create", "--ipv6", "town")
    with Upstream(WORLD):
        yield lambda count: Town(sampan, daemon, tmp_path / "w", count)
    sampan("rm", "-f", *sampan("ps", "-aq").out.split(), timeout=300)
    sampan("network", "rm", "town")


@pytest.mark.timeout((1500 if FULL else 120) * FACTOR)
def test_names_while_half_of_them_restart(build: Callable[[int], Town], tmp_path: Path) -> None:
    town = build(CONTAINERS)
    half = len(town.restarting) // 2
    workers = [
        threading.Thread(target=town.restart, args=(names,))
        for names in (town.restarting[:half], town.restarting[half:])
    ]
    with Asking(town.pids, town.questions()) as asking:
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        answers = asking.end()
    assert town.failure == []
    assert town.wrong(answers) == []
    lost = tmp_path / "w" / "lost"
    assert not lost.exists(), lost.read_text()
    between = [up for up in town.ups if up.till < math.inf]
    certain = [one for one in answers if any(one.name in up.names and up.covers(one) for up in between)]
    _tell(answers, f"{len(between)} restarts, {len(certain)} answers about a container between two of them")
    assert certain


@pytest.mark.timeout((1500 if FULL else 120) * FACTOR)
def test_names_and_ports_while_the_daemon_is_killed(daemon: Daemon, build: Callable[[int], Town]) -> None:
    town = build(CONTAINERS if FULL else 4)
    town.sampan("run", "-d", "--name", "web", "-p", "80", "nginx")  # over IPv6 it is relayed
    port = int(town.sampan("port", "web", "80").out.splitlines()[0].rpartition(":")[2])
    town.ups += [town.up(name, 0.0, math.inf) for name in town.restarting]
    callers = [Caller(address, port) for address in ("127.0.0.1", "::1", _own_address())]
    with Asking(town.pids, town.questions()) as asking:
        for _ in range(KILLS):
            daemon.kill()
            _some_more(callers)
            daemon.start()
            _some_more(callers)
        for one in callers:
            one.end()
        answers = asking.end()
    assert [one.failure for one in callers] == ["", "", ""]
    assert town.wrong(answers) == []
    _tell(
        answers, f"{[(one.address, one.answered) for one in callers]} answers through the port, {KILLS} kills"
    )


def _some_more(callers: "list[Caller]") -> None:
    wanted = [one.answered + CONNECTS // KILLS // 6 for one in callers]
    for one, enough in zip(callers, wanted, strict=True):
        until(lambda one=one, enough=enough: one.answered >= enough or one.failure, 120)


class Caller(threading.Thread):
    """Connects, asks for a page, and connects again."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(daemon=True)
        self.address, self._port = address, port
        self.answered = 0
        self.failure = ""
        self._over = threading.Event()
        until(self._serves)
        self.start()

    def _serves(self) -> bool:
        try:
            return self._page() == 200
        except (OSError, http.client.HTTPException):
            return False

    def run(self) -> None:
        try:
            while not self._over.is_set():
                status = self._page()
                assert status == 200, status
                self.answered += 1
        except (OSError, AssertionError, http.client.HTTPException) as error:
            self.failure = f"{self.address}, after {self.answered}: {error!r}"

    def _page(self) -> int:
        with closing(http.client.HTTPConnection(self.address, self._port, timeout=10 * FACTOR)) as asking:
            asking.request("GET", "/")
            answer = asking.getresponse()
            answer.read()
            return answer.status

    def end(self) -> None:
        self._over.set()
        self.join()


def _own_address() -> str:
    """Of this machine, on the way to elsewhere; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.2"  # a machine without a way out
        return str(probe.getsockname()[0])


def _tell(answers: list[Answer], more: str) -> None:
    if FULL:
        slowest = max(one.heard - one.asked for one in answers)
        outcomes = dict(Counter(f"{one.kind} {one.outcome}" for one in answers))
        print(f"\n{len(answers)} answers of names {outcomes}, the slowest after {slowest:.3f} s; {more}")
