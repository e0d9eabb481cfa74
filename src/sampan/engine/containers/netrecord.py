"""The endpoints of a running container, kept in its run directory: the daemon that adopts it needs the
addresses and the ports, and the database hears of a start only afterwards. Calm."""

import os
from collections.abc import Sequence

import msgspec

from sampan.engine.containers.record import Endpoint

_FILE = "network.json"


def write(run_dir: str, endpoints: Sequence[Endpoint]) -> None:
    path = f"{run_dir}/{_FILE}"
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(msgspec.json.encode(endpoints))
    os.rename(path + ".new", path)


def read(run_dir: str) -> list[Endpoint]:
    """Nothing: no network of its own, or nothing on record."""
    try:
        with open(f"{run_dir}/{_FILE}", "rb") as file:
            return msgspec.json.decode(file.read(), type=list[Endpoint])
    except (OSError, msgspec.DecodeError):
        return []
