"""The endpoint of a running container, kept in its run directory: the daemon that adopts it needs the
address and the ports, and the database hears of a start only afterwards. Calm."""

import os

import msgspec

from sampan.engine.containers.record import Endpoint

_FILE = "network.json"


def write(run_dir: str, endpoint: Endpoint | None) -> None:
    path = f"{run_dir}/{_FILE}"
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(msgspec.json.encode(endpoint))
    os.rename(path + ".new", path)


def read(run_dir: str) -> Endpoint | None:
    """None: no network of its own, or nothing on record."""
    try:
        with open(f"{run_dir}/{_FILE}", "rb") as file:
            return msgspec.json.decode(file.read(), type=Endpoint | None)
    except (OSError, msgspec.DecodeError):
        return None
