"""A real dockerd in the place of our daemon: a conformance test that is red here is wrong.

SAMPAN_REFERENCE=unix:///run/docker.sock pytest tests/conformance
"""

import json
import os
from pathlib import Path

from harness.clients import Client, stock

CACHE = Path(os.environ.get("SAMPAN_TEST_IMAGES", "/var/tmp/sampan-test-images"))


class Reference:
    def __init__(self, host: str) -> None:
        self.host = host
        self.docker: Client = stock({**os.environ, "DOCKER_HOST": host})
        version = json.loads(self.docker("version", "--format", "{{json .Server}}").out)
        self.major = int(version["Version"].split(".")[0])
        self._loaded: list[str] = []

    def prepare(self, images: tuple[str, ...]) -> None:
        """The test images, where they are not there already."""
        for name in images:
            if self.docker("image", "inspect", name, check=False).code:
                self.docker("load", "-q", "-i", str(CACHE / f"{name}.tar"), timeout=300)
                self._loaded.append(name)

    def restore(self) -> None:
        if self._loaded:
            self.docker("rmi", *self._loaded)

    def pulls(self) -> bool:
        """Whether it has a mirror of docker.io with the test images."""
        mirrors = self.docker("info", "--format", "{{json .RegistryConfig.Mirrors}}").out.strip()
        return mirrors not in ("null", "[]")

    def environment(self) -> dict[str, str]:
        return self.docker.environment

    def things(self) -> list[str]:
        """What a test must leave as it was."""
        questions = [("ps", "-aq", "--no-trunc"), ("volume", "ls", "-q"), ("images", "-q", "--no-trunc")]
        return sorted(line for question in questions for line in self.docker(*question).out.splitlines())
