"""Real builds of real Dockerfiles: the image does what it should, and the second one comes from the cache."""

import socket
from typing import Any

import pytest

from harness.dockerfiles import CASES, Case


def reachable(host: str) -> bool:
    try:
        socket.create_connection((host, 80), timeout=3).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("name", CASES)
def test_build_and_run(builder: Any, name: str) -> None:
    case: Case = CASES[name]
    if case.network and not reachable("deb.debian.org"):
        pytest.skip("no way to the package servers")
    image = builder({"Dockerfile": case.dockerfile, **case.files}, *case.flags)
    assert builder.run(image, *case.command) == case.output
    steps = "\n".join(line for line in builder.result.err.splitlines() if line.startswith("#"))
    again = builder.again(*case.flags)
    inspect = ("inspect", "--format", "{{.Id}}")
    ids = [builder.sampan(*inspect, one).out for one in (image, again)]
    assert ids[0] == ids[1], "the same image from the cache"
    assert ("] RUN" in steps) <= bool(builder.cached())


def test_there_are_enough() -> None:
    assert len(CASES) >= 25
