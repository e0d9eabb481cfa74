"""What one command has at hand: the global flags, the daemon it speaks to, the user's configuration."""

from __future__ import annotations

import sys

from sampan.cli.console import environment
from sampan.client import hosts
from sampan.client.connection import Client
from sampan.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values


class Session:
    """`command` is how the verb was called, "container ls"."""

    def __init__(self, options: Values, command: str) -> None:
        self.command = command
        self._options = options
        self._client: Client | None = None
        self._config: dict[str, Any] | None = None

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    @property
    def config(self) -> dict[str, Any]:
        """config.json of Docker's client; {} where there is none."""
        if self._config is None:
            from sampan.cli import config

            self._config = config.read(self._options["config"])
        return self._config

    def detach_keys(self, flag: str) -> str:
        """The keys that the user chose: by flag, or in the configuration. "": the daemon's own."""
        return flag or str(self.config.get("detachKeys", ""))

    def _connect(self) -> Client:
        given = self._options["host"]
        url = given[-1] if given else environment("SAMPAN_HOST") or environment("DOCKER_HOST")
        version = environment("DOCKER_API_VERSION")
        if url:
            host = hosts.parse(url)
            if not host.path and environment("DOCKER_TLS_VERIFY"):
                raise Unsupported(f"cannot connect to {url}: TLS is not supported")
            return Client(host, version)
        return Client(hosts.parse(hosts.DEFAULT), version, _start_daemon)


def _start_daemon() -> None:
    from sampan.client import autostart

    script = __file__.rpartition("/")[0] + "/main.py"
    command = [sys.executable, "-I", "-S", script, "daemon"]
    autostart.ensure(hosts.DEFAULT.removeprefix("unix://"), command)
