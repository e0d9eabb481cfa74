"""`--init`: the small process 1 of `runtime/init`, put where containers can mount it. Calm."""

import os
from pathlib import Path

import sampan.runtime
from sampan.engine.facts import Facts
from sampan.engine.settings import Settings
from sampan.errors import Unsupported


def installed(settings: Settings, facts: Facts) -> str:
    """The file on the host, made if it is not there yet: what pip unpacks is not executable.

    Raises Unsupported on a machine that it was not built for."""
    program = _program(facts.machine)
    directory = f"{settings.data_root}/init"
    path = f"{directory}/docker-init-{facts.machine}"
    try:
        if Path(path).read_bytes() == program:
            return path
    except OSError:
        pass
    os.makedirs(directory, mode=0o711, exist_ok=True)
    fresh = f"{path}.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o555)
    with open(fd, "wb") as file:
        file.write(program)
    os.rename(fresh, path)
    return path


def _program(machine: str) -> bytes:
    base = Path(next(iter(sampan.runtime.__path__)), "init")
    try:
        return (base / machine).read_bytes()
    except OSError:
        raise Unsupported(f"--init is not supported on {machine}") from None
