"""Names of runtimes → commands, and what a configuration may say of them."""

from pathlib import Path
from typing import Any

import pytest

from sampan.engine import runtimes
from sampan.engine.settings import Settings
from sampan.errors import InvalidArgument


def settings(**file: Any) -> Settings:
    return Settings("/data", "/run", file)


def test_our_own_is_the_default() -> None:
    assert runtimes.default(settings()) == "sampan"
    assert runtimes.find(settings(), "sampan") == ()


def test_one_of_the_configuration() -> None:
    chosen = settings(
        runtimes={"mine": {"path": "/usr/bin/x", "args": ["--debug"]}}, **{"default-runtime": "mine"}
    )
    runtimes.check(chosen)
    assert runtimes.default(chosen) == "mine"
    assert runtimes.find(chosen, "mine") == ("/usr/bin/x", "--debug")
    assert runtimes.described(chosen)["mine"] == {"path": "/usr/bin/x", "runtimeArgs": ["--debug"]}
    assert runtimes.described(chosen)["sampan"] == {"path": "sampan"}


def test_containerds_name_for_runc() -> None:
    chosen = settings(runtimes={"runc": {"path": "/opt/runc"}})
    assert runtimes.find(chosen, "io.containerd.runc.v2") == ("/opt/runc",)


def test_a_path(tmp_path: Path) -> None:
    program = tmp_path / "runtime"
    program.write_text("")
    with pytest.raises(InvalidArgument):
        runtimes.find(settings(), str(program))
    program.chmod(0o755)
    assert runtimes.find(settings(), str(program)) == (str(program),)


@pytest.mark.parametrize("name", ["no-such", "/no/such", "../runc", "io.containerd.kata.v2"])
def test_unknown(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^unknown or invalid runtime name: {name}$"):
        runtimes.find(settings(), name)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"default-runtime": "x"}, "specified default runtime 'x' does not exist"),
        ({"runtimes": []}, "a table for each runtime"),
        ({"runtimes": {"sampan": {"path": "/x"}}}, "reserved"),
        ({"runtimes": {"x": {}}}, "absolute path"),
        ({"runtimes": {"x": {"path": "runc"}}}, "absolute path"),
        ({"runtimes": {"x": {"path": "/x", "args": "y"}}}, "list of strings"),
    ],
)
def test_a_configuration_that_makes_no_sense(file: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        runtimes.check(settings(**file))
