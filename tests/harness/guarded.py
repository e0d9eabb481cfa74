"""Debian's `docker-registry` behind TLS and a password, on loopback."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.waiting import until

USER, PASSWORD = "sailor", "pass:word 1"
# bcrypt of it, the only kind that the registry takes.
_HASHED = "$2y$05$abcdefghijklmnopqrstuum3JpWRRYYS3v.Iqp5q.MKbRXbTQZa5q"
INSTALLED = bool(shutil.which("docker-registry") and shutil.which("openssl"))


@contextlib.contextmanager
def serve(directory: Path, *, guarded: bool = True) -> Iterator[str]:
    """The address of an empty registry."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    lines = ["version: 0.1", f"storage: {{filesystem: {{rootdirectory: {directory}/data}}}}"]
    if guarded:
        _certificate(directory)
        (directory / "htpasswd").write_text(f"{USER}:{_HASHED}\n")
        lines.append(f"auth: {{htpasswd: {{realm: sea, path: {directory}/htpasswd}}}}")
        tls = f", tls: {{certificate: {directory}/cert.pem, key: {directory}/key.pem}}"
    else:
        tls = ""
    lines.append(f"http: {{addr: {address}{tls}}}")
    (directory / "config.yml").write_text("\n".join(lines) + "\n")
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", f"{directory}/config.yml"], stdout=log, stderr=log
        )
    try:
        until(lambda: _listens(address), 20, "the registry to listen")
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _certificate(directory: Path) -> None:
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{directory}/key.pem",
        "-out", f"{directory}/cert.pem",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
