"""Questions to 127.0.0.11 from inside many containers at once, each with its time and what came back.

A process of its own enters one network namespace after another and leaves a socket in each; from then on it
sits outside of them all: `python asking.py` with a `Plan` on its first line of stdin, which ends with stdin.
"""

import ctypes
import json
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

from dnslib import DNSRecord

RESOLVER = ("127.0.0.11", 53)
PATIENCE = 5.0  # seconds, as a C library has it (resolv.conf(5)), of one question
_CLONE_NEWNET = 0x40000000


class Answer(NamedTuple):
    """`asked` and `heard` on CLOCK_MONOTONIC. `outcome`: a code of DNS, or "nothing"."""

    asker: int
    name: str
    kind: str
    asked: float
    heard: float
    outcome: str
    found: list[str]


class Asking:
    """`pids`: who asks; each of them asks any of `questions`, again and again, with `window` of them open."""

    def __init__(self, pids: Sequence[int], questions: Sequence[tuple[str, str]], window: int = 1) -> None:
        self._told = tempfile.TemporaryFile("w+")  # noqa: SIM115  # a pipe that nobody reads would be full
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=self._told, text=True
        )
        assert self._process.stdin is not None
        plan = {"pids": list(pids), "questions": list(questions), "window": window}
        self._process.stdin.write(json.dumps(plan) + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        """Its sockets hold the namespaces."""
        self._process.kill()
        self._process.wait()
        self._told.close()

    def end(self) -> list[Answer]:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait() == 0
        self._told.seek(0)
        return [Answer(*json.loads(line)) for line in self._told]


class _Asker:
    def __init__(self, number: int, pid: int) -> None:
        self.number = number
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(namespace)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(RESOLVER)
        self.socket.setblocking(False)
        self.open: dict[int, tuple[str, str, float]] = {}

    def ask(self, name: str, kind: str) -> None:
        question = DNSRecord.question(name, kind)
        while question.header.id in self.open:
            question.header.id = random.randrange(1 << 16)
        self.open[question.header.id] = (name, kind, time.monotonic())
        try:
            self.socket.send(question.pack())
        except OSError:  # ECONNREFUSED of an earlier one: nobody listened
            self.socket.send(question.pack())

    def heard(self) -> Answer | None:
        try:
            record = DNSRecord.parse(self.socket.recv(65535))
        except ConnectionRefusedError:
            return self.given_up("refused", 0)
        if record.header.id not in self.open:  # after we had given up
            return None
        name, kind, asked = self.open.pop(record.header.id)
        outcome = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN"}.get(record.header.rcode, "other")
        found = [str(one.rdata).rstrip(".") for one in record.rr]
        return Answer(self.number, name, kind, asked, time.monotonic(), outcome, found)

    def given_up(self, outcome: str = "nothing", patience: float = PATIENCE) -> Answer | None:
        for number, (name, kind, asked) in self.open.items():
            if time.monotonic() - asked >= patience:
                del self.open[number]
                return Answer(self.number, name, kind, asked, time.monotonic(), outcome, [])
        return None


def _tell(answer: Answer | None) -> None:
    if answer is not None:
        sys.stdout.write(json.dumps(answer) + "\n")


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    askers = [_Asker(number, pid) for number, pid in enumerate(plan["pids"])]
    ctypes.CDLL(None).setns(home, _CLONE_NEWNET)
    poll = select.poll()
    by_fd = {one.socket.fileno(): one for one in askers}
    for fd in (0, *by_fd):
        poll.register(fd, select.POLLIN)
    over = False
    while not over or any(one.open for one in askers):
        for one in askers:
            while not over and len(one.open) < plan["window"]:
                one.ask(*random.choice(plan["questions"]))
        for fd, _ in poll.poll(100):
            if fd:
                _tell(by_fd[fd].heard())
            else:
                over = True
                poll.unregister(0)
        for one in askers:
            _tell(one.given_up())


if __name__ == "__main__":
    main()
