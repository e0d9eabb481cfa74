"""`compose watch` and `up --watch`: files that change while a project runs."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clients import Client, Result, ours
from harness.daemon import Daemon
from harness.reference import Reference
from harness.waiting import FACTOR, until

PROJECT = """
services:
  a:
    image: busybox
    command: sleep 1000
    init: true
    develop:
      watch:
        - {path: src, action: sync, target: /app, ignore: ["*.log"], initial_sync: true}
        - {path: conf, action: sync+restart, target: /conf}
        - {path: hook.txt, action: sync+exec, target: /hook.txt, exec: {command: cp /hook.txt /told}}
  idle: {image: busybox, command: sleep 1000, init: true}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / f"w{os.urandom(4).hex()}"
    for name, text in {"src/one": "one\n", "src/no.log": "", "conf/c": "c\n", "hook.txt": "h\n"}.items():
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        (found / name).write_text(text)
    (found / "compose.yaml").write_text(PROJECT)
    return found


@pytest.fixture
def client(server: Daemon | Reference) -> Client:
    return ours(server.environment())


class Watching:
    """`compose VERB` beside the test; what it says, as it comes."""

    def __init__(self, client: Client, root: Path, *words: str) -> None:
        self.root = root
        self.client = client
        self.process = client.start("compose", "--project-directory", str(root), *words)
        self.seen = ""
        self._at = 0  # what was expected already

    def expect(self, wanted: str) -> None:
        """Read stderr until it says so once more, or ends."""
        assert self.process.stderr is not None
        while (found := self.seen.find(wanted, self._at)) < 0:
            line = self.process.stderr.readline().decode()
            assert line, f"{wanted!r} was never said:\n{self.seen}"
            self.seen += line
        self._at = found + len(wanted)

    def inside(self, command: str) -> str:
        place = ("compose", "--project-directory", str(self.root))
        done: Result = self.client(*place, "exec", "-T", "a", "sh", "-c", command, check=False)
        return done.out

    def becomes(self, command: str, wanted: str) -> None:
        until(lambda: self.inside(command) == wanted)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        _, error = self.process.communicate(timeout=60 * FACTOR)
        self.seen += error.decode()
        return self.process.returncode


@pytest.fixture(params=["watch", "up --watch"])
def watching(request: pytest.FixtureRequest, client: Client, root: Path) -> Iterator[Watching]:
    made = Watching(client, root, *request.param.split())
    made.expect("Watch enabled")
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.communicate()
    client("compose", "--project-directory", str(root), "down", "-t", "0")


def test_files_go_where_they_are_used(watching: Watching, root: Path) -> None:
    assert watching.inside("ls /app") == "one\n"
    (root / "src/one").write_text("two\n")
    (root / "src/new").mkdir()
    (root / "src/new/deep").write_text("deep\n")
    (root / "src/skip.log").write_text("not this\n")
    watching.becomes("cat /app/one /app/new/deep; ls /app", "two\ndeep\nnew\none\n")
    os.rename(root / "src/one", root / "src/other")
    watching.becomes("ls /app", "new\nother\n")
    (root / "hook.txt").write_text("changed\n")
    watching.becomes("cat /told", "changed\n")
    began = watching.client("inspect", "-f", "{{.State.StartedAt}}", f"{root.name}-a-1").out
    (root / "conf/c").write_text("d\n")
    watching.expect(f"Container {root.name}-a-1  Restarted")
    assert watching.inside("cat /conf/c") == "d\n"
    assert watching.client("inspect", "-f", "{{.State.StartedAt}}", f"{root.name}-a-1").out != began
    assert watching.end() in (130, -signal.SIGINT)


@pytest.mark.ours("the context is read by the daemon")
def test_an_image_is_built_again(client: Client, root: Path) -> None:
    (root / "Dockerfile").write_text("FROM busybox\nCOPY src /app\n")
    (root / ".dockerignore").write_text("**/*.log\n")
    rule = "develop: {watch: [{path: ., action: rebuild}]}"
    (root / "compose.yaml").write_text(
        f"services: {{a: {{build: ., command: sleep 1000, init: true, {rule}}}}}\n"
    )
    watching = Watching(client, root, "watch", "--quiet")
    try:
        watching.expect("Watch enabled")
        (root / "src/ignored.log").write_text("x\n")
        (root / "src/one").write_text("FAIL\n")
        watching.expect('service(s) ["a"] successfully built')
        assert watching.inside("cat /app/one") == "FAIL\n"
        (root / "Dockerfile").write_text("FROM busybox\nRUN false\n")
        watching.expect("Error handling changed files for service a")
        (root / "Dockerfile").write_text("FROM busybox\nRUN echo right >/right\n")
        watching.expect('service(s) ["a"] successfully built')
        watching.becomes("cat /right", "right\n")
    finally:
        watching.end(signal.SIGTERM)
        client("compose", "--project-directory", str(root), "down", "-t", "0", "--rmi", "local")
        client("builder", "prune", "-af")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (None, "none of the selected services is configured for watch, consider setting a 'develop' section"),
        ("{path: ., action: rebuild}", "can't watch service 'a' with action rebuild without a build context"),
        ("{path: ., action: sync}", "target is required for sync"),
        ("{path: ., action: sync+exec, target: /x}", "sync+exec without an exec hook"),
    ],
)
def test_what_cannot_be_watched(client: Client, root: Path, rule: str | None, words: str) -> None:
    develop = f", develop: {{watch: [{rule}]}}" if rule else ""
    (root / "compose.yaml").write_text(f"services: {{a: {{image: busybox{develop}}}}}\n")
    for verb in (["watch"], ["up", "--watch"]):
        failed = client("compose", "--project-directory", str(root), *verb, check=False)
        assert (failed.code, words in failed.err) == (1, True)
