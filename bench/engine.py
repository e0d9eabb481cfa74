"""An engine under measurement: a command line and where its daemon is."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

PREFIX = "bench-"  # of every container that is made here


class Engine(NamedTuple):
    name: str
    command: list[str]
    environment: Mapping[str, str] = MappingProxyType({})

    def __call__(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self.command, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            env={**os.environ, **self.environment},
        )  # fmt: skip
        if check and done.returncode:
            sys.exit(f"bench: {self.name} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def remove_all(self) -> None:
        """What is ours: the daemon may be somebody's who has containers of his own."""
        if found := self("ps", "-aq", "--filter", f"name={PREFIX}", check=False).split():
            self("rm", "-f", *found, check=False)

    def wait(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        """Until the daemon answers."""
        deadline = time.monotonic() + 60
        while not self("version", "--format", "{{.Server.Version}}", check=False):
            if time.monotonic() > deadline or process.poll() is not None:
                sys.exit(f"bench: {self.name} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
