"""Log drivers and their options, in both spellings."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Client
from harness.waiting import until

Run = Callable[..., str]
pytestmark = pytest.mark.ours("a real dockerd does not send its logs to a test, nor rotate by default")


@pytest.fixture
def made(cli: Client) -> Iterator[Callable[..., str]]:
    """`made("--log-opt", …, "busybox", "echo", "x")` runs one to its end: its name."""
    names: list[str] = []

    def run(*arguments: str) -> str:
        name = f"log{len(names)}{cli.name}"
        names.append(name)
        cli("run", "--name", name, *arguments)
        return name

    yield run
    cli("rm", "-f", *names)


def log_config(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("inspect", name).out)[0]["HostConfig"]["LogConfig"]
    return found


def test_rotation_is_on_and_shown(cli: Client, made: Run) -> None:
    name = made("busybox", "true")
    assert log_config(cli, name) == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_attributes_are_kept_and_shown(cli: Client, made: Run) -> None:
    chosen = ("--log-opt", "labels=a,b", "--log-opt", "env=X", "--log-opt", "tag={{.Name}}/{{.ImageName}}")
    given = ("--label", "a=1", "--label", "b=x y", "--label", "c=3", "-e", "X=3", "-e", "Y=4")
    name = made(*chosen, *given, "busybox", "echo", "hi")
    assert cli("logs", "--details", name).out == f"X=3,a=1,b=x+y,tag={name}%2Fbusybox hi\n"
    assert re.fullmatch(r"\S+Z X=3,a=1,b=x\+y,tag=\S+ hi\n", cli("logs", "--details", "-t", name).out)
    assert cli("logs", name).out == "hi\n"
    plain = made("busybox", "echo", "hi")
    assert cli("logs", "--details", plain).out == " hi\n"
    patterns = ("--log-opt", "labels-regex=^(a|c)$", "--log-opt", "env-regex=^Y")
    assert (
        cli("logs", "--details", made(*patterns, *given, "busybox", "echo", "hi")).out == "Y=4,a=1,c=3 hi\n"
    )


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_rotation_with_packed_files(cli: Client, made: Run, driver: str) -> None:
    options = ("--log-driver", driver, "--log-opt", "max-size=20k", "--log-opt", "max-file=4")
    script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done"
    name = made(*options, "--log-opt", "compress=true", "busybox", "sh", "-c", script)
    lines = [f"line {number}" for number in range(400)]
    shown = cli("logs", name).out.splitlines()
    assert shown == lines[-len(shown) :]
    assert len(shown) > 200
    assert cli("logs", "--tail", "150", name).out.splitlines() == lines[-150:]
    assert bool(json.loads(cli("inspect", name).out)[0]["LogPath"]) is (driver == "json-file")


def test_none_is_not_read(cli: Client, made: Run) -> None:
    name = made("--log-driver", "none", "busybox", "echo", "hi")
    result = cli("logs", name, check=False)
    assert "configured logging driver does not support reading" in result.err
    assert result.code == 1


class Syslog:
    """A server that keeps what it gets."""

    def __init__(self, kind: int, path: str | None = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, kind)
        self.socket.bind(path or ("127.0.0.1", 0))
        self.data = b""
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        threading.Thread(
            target=self._stream if kind == socket.SOCK_STREAM else self._datagrams, daemon=True
        ).start()

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def _stream(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            while data := connection.recv(65536):
                self.data += data

    def _datagrams(self) -> None:
        try:
            while data := self.socket.recv(65536):
                self.data += data
        except OSError:
            return

    def close(self) -> None:
        self.socket.close()


SCRIPT = "echo out; echo err >&2"


@pytest.mark.parametrize(
    "case",
    [
        ("tcp", "", r"<{p}>\w{{3}} [ \d]\d \d\d:\d\d:\d\d {tag}\[\d+\]: {text}\n"),
        ("udp", "rfc3164", r"<{p}>\w{{3}} [ \d]\d \d\d:\d\d:\d\d \S+ {tag}\[\d+\]: {text}\n"),
        ("tcp", "rfc5424", r"<{p}>1 \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\S+ \S+ {tag} \d+ {tag} - {text}\n"),
        ("unixgram", "rfc5424micro", r"<{p}>1 \S+T\d\d:\d\d:\d\d\.\d{{6}}\S+ \S+ {tag} \d+ {tag} - {text}\n"),
    ],
    ids=lambda case: " ".join(case[:2]),
)
def test_syslog(cli: Client, made: Run, tmp_path: Path, case: tuple[str, str, str]) -> None:
    transport, form, pattern = case
    path = str(tmp_path / "log") if transport == "unixgram" else None
    log = Syslog(socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM, path)
    address = f"{transport}://{path or f'127.0.0.1:{log.port}'}"
    options = ("--log-opt", f"syslog-address={address}", "--log-opt", "syslog-facility=local3")
    tag = ("--log-opt", "tag=my-{{.Name}}", *(("--log-opt", f"syslog-format={form}") if form else ()))
    name = made("--log-driver", "syslog", *options, *tag, "busybox", "sh", "-c", SCRIPT)
    for priority, text in ((19 * 8 + 6, "out"), (19 * 8 + 3, "err")):
        wanted = pattern.format(p=priority, tag=f"my-{name}", text=text).encode()
        until(lambda wanted=wanted: re.search(wanted, log.data), what=f"{wanted!r} in {log.data!r}")  # type: ignore[misc]
    log.close()
    shown = cli("logs", name)
    assert (shown.out, shown.err) == ("out\n", "err\n"), "from the cache"


@pytest.mark.parametrize("mode", ["non-blocking", "blocking"])
def test_a_syslog_server_that_does_not_read(cli: Client, made: Run, mode: str) -> None:
    """Without a mode, the container waits for it, as in Docker; it must not in the other."""
    silent = socket.create_server(("127.0.0.1", 0))
    address = f"syslog-address=tcp://127.0.0.1:{silent.getsockname()[1]}"
    options = ("--log-driver", "syslog", "--log-opt", address, "--log-opt", f"mode={mode}")
    script = (
        "dd if=/dev/zero bs=1k count=40000 2>/dev/null | tr '\\0' x | fold -w 1000; touch /done; sleep 60"
    )
    name = made("-d", *options, "busybox", "sh", "-c", script)

    def done() -> bool:
        return cli("exec", name, "test", "-e", "/done", check=False).code == 0

    if mode == "non-blocking":
        until(done)
    else:  # its writer sleeps in the full pipe
        until(lambda: "pipe_write" in cli("exec", name, "sh", "-c", "cat /proc/[0-9]*/wchan").out)
        assert not done()
    cli("rm", "-f", name)
    silent.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--log-driver", "foo"), 'error looking up logging plugin foo: plugin "foo" not found'),
        (
            ("--log-driver", "syslog", "--log-opt", "syslog-address=foo"),
            "should be in form proto://address, got foo",
        ),
        (
            ("--log-driver", "syslog", "--log-opt", "syslog-adress=x"),
            "unknown log opt 'syslog-adress' for syslog log driver",
        ),
        (("--log-driver", "syslog", "--log-opt", "syslog-facility=99"), "invalid syslog facility"),
        (("--log-driver", "syslog", "--log-opt", "syslog-format=x"), "Invalid syslog format"),
        (
            ("--log-driver", "syslog", "--log-opt", "syslog-address=tcp://127.0.0.1:9"),
            "dial tcp 127.0.0.1:9: connect: connection refused",
        ),
        (("--log-opt", "mode=foo"), "logger: logging mode not supported: foo"),
        (
            ("--log-opt", "max-buffer-size=1m"),
            "max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (("--log-driver", "local", "--log-opt", "env=x"), "unknown log opt 'env' for local log driver"),
        (
            ("--log-opt", "compress=true", "--log-opt", "max-size=-1"),
            "compress cannot be true when max-file is less",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_options_that_cannot_be(cli: Client, arguments: tuple[str, ...], sentence: str) -> None:
    result = cli("run", "--rm", *arguments, "busybox", "true", check=False)
    assert sentence in result.err
    assert result.code == 125


def test_logs_are_cleared(sampan: Client) -> None:
    script = "echo one; trap 'echo two' USR1; while :; do sleep 0.05; done"
    sampan("run", "-d", "--name", "cleared", "busybox", "sh", "-c", script)
    try:
        until(lambda: sampan("logs", "cleared").out == "one\n")
        assert sampan("logs", "--clear", "cleared") == (0, "", "")
        assert not sampan("logs", "cleared").out
        sampan("kill", "-s", "USR1", "cleared")
        until(lambda: sampan("logs", "cleared").out == "two\n")
        sampan("stop", "-t", "0", "cleared")
        sampan("logs", "--clear", "cleared")
        assert not sampan("logs", "cleared").out
    finally:
        sampan("rm", "-f", "cleared")


def test_who_attaches_later_and_reads_slowly_holds_nothing_up_and_is_told(
    cli: Client, container: Run
) -> None:
    script = "read go; dd if=/dev/zero bs=1k count=9000 2>/dev/null | tr '\\0' x; touch /done; sleep 60"
    name = container("-i", "busybox", "sh", "-c", script)
    reader = cli.start("attach", "--sig-proxy=false", name)
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stderr is not None
    reader.stdin.write(b"go\n")
    reader.stdin.flush()
    until(lambda: cli("exec", name, "test", "-e", "/done", check=False).code == 0)
    cli("stop", "-t", "0", name)
    out, err = reader.communicate(timeout=20)
    told = re.search(rb"\[sampan: (\d+) bytes of output were skipped", err)
    assert told is not None
    assert len(out) + int(told[1]) == 9000 * 1024
