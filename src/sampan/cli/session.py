"""What one command has at hand: the global flags, the daemon it speaks to, the user's configuration."""

from __future__ import annotations

import sys

from sampan.cli.console import ExitWith, environment
from sampan.client import hosts
from sampan.client.connection import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from sampan.cli.flags import Values
    from sampan.compose.load import Loaded

    class Display(Protocol):
        def __call__(self, kind: str, name: str, state: str) -> None: ...
        def settle(self) -> None: ...


_DEFAULT = "default"  # the context that is not written down


class Session:
    """`command` is how the verb was called, "container ls". `autostart`: our own daemon may be started.
    `group`: the flags of the verb's group, for one that has any (`commands.GROUP_FLAGS`)."""

    def __init__(
        self, options: Values, command: str, group: Values | None = None, *, autostart: bool = True
    ) -> None:
        self.command = command
        self._group = group
        self._autostart = autostart
        self._options = options
        self._client: Client | None = None
        self._config: dict[str, Any] | None = None
        self.project: Loaded | None = None  # of the command line, once somebody has read its files
        self.warned = False  # of something in the project's files
        self.display: Display | None = None  # what draws progress on the terminal, once something does

    @property
    def group(self) -> Values:
        if self._group is None:
            raise LookupError(f"{self.command}: its group has no flags")
        return self._group

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

    @property
    def config_directory(self) -> str:
        from sampan.cli import config

        return config.directory(self._options["config"])

    @property
    def debug(self) -> bool:
        return bool(self._options["debug"])

    @property
    def context(self) -> str:
        """The name of the context in use; `default` is what flags and environment say."""
        options = self._options
        if options["context"]:
            if options["host"]:
                raise ExitWith(1, "conflicting options: cannot specify both --host and --context")
            return str(options["context"])
        if self._given_host():
            return _DEFAULT
        return environment("DOCKER_CONTEXT") or str(self.config.get("currentContext") or _DEFAULT)

    @property
    def default_host(self) -> str:
        """The daemon of the default context, as a URL."""
        return self._given_host() or hosts.DEFAULT

    def detach_keys(self, flag: str) -> str:
        """The keys that the user chose: by flag, or in the configuration. "": the daemon's own."""
        return flag or str(self.config.get("detachKeys", ""))

    def _given_host(self) -> str:
        given = self._options["host"]
        return given[-1] if given else environment("SAMPAN_HOST") or environment("DOCKER_HOST")

    def _connect(self) -> Client:
        version = environment("DOCKER_API_VERSION")
        headers: Any = ()
        if self.config.get("HttpHeaders"):
            from sampan.cli import config

            headers = config.headers(self.config)
        url = self._given_host()
        if self.context == _DEFAULT and (not url or url.startswith("unix://")):
            start = _start_daemon if self._autostart and not url else None
            return Client(hosts.parse(url or hosts.DEFAULT), version, start, headers=headers)
        from sampan.cli import endpoint

        host, dialer = endpoint.find(self.context, url, self._options, self.config_directory)
        return Client(host, version, dialer=dialer, headers=headers)


def _start_daemon() -> None:
    from sampan.client import autostart

    script = __file__.rpartition("/")[0] + "/main.py"
    command = [sys.executable, "-I", "-S", script, "daemon"]
    autostart.ensure(hosts.DEFAULT.removeprefix("unix://"), command)
