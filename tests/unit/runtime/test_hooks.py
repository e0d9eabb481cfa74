"""Hooks: what of a spec is one, what they read, what is told of one that fails."""

from pathlib import Path
from typing import Any

import pytest

from sampan.runtime import hooks
from sampan.runtime.failure import OciError


def parsed(**entries: Any) -> hooks.Hooks:
    return hooks.parse({"hooks": entries})


def one(script: str, **more: Any) -> dict[str, Any]:
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **more}


def test_no_hooks() -> None:
    assert hooks.parse({}) is hooks.NONE
    assert hooks.parse({"hooks": {}}) is hooks.NONE
    assert not hooks.NONE.before_pivot


@pytest.mark.parametrize("word", ["prestart", "createRuntime", "createContainer"])
def test_which_need_the_hosts_root(word: str) -> None:
    assert parsed(**{word: [one("true")]}).before_pivot
    assert not parsed(poststart=[one("true")], startContainer=[one("true")]).before_pivot


@pytest.mark.parametrize(
    "entry", [{"path": "true"}, {}, {"path": "/bin/true", "timeout": 0}, {"path": "/bin/true", "timeout": -1}]
)
def test_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(OciError):
        parsed(prestart=[entry])


def test_the_state_comes_on_stdin_and_the_environment_is_the_hooks(tmp_path: Path) -> None:
    found = parsed(prestart=[one(f"cat >{tmp_path}/state; env >{tmp_path}/env", env=["A=b"])])
    hooks.run("prestart", found.prestart, {"id": "x", "pid": 7})
    assert (tmp_path / "state").read_text() == '{"id": "x", "pid": 7}'
    assert "A=b" in (tmp_path / "env").read_text()
    assert "HOME=" not in (tmp_path / "env").read_text()


def test_the_first_failure_is_told_and_the_rest_do_not_run(tmp_path: Path) -> None:
    entries = [one("true"), one("echo out; echo err >&2; exit 3"), one(f"touch {tmp_path}/ran")]
    with pytest.raises(OciError) as caught:
        hooks.run("poststop", parsed(poststop=entries).poststop, {})
    assert str(caught.value) == "error running poststop hook #1: exit status 3, stdout: out, stderr: err"
    assert not (tmp_path / "ran").exists()


def test_one_that_is_not_there() -> None:
    with pytest.raises(OciError, match="prestart hook #0: fork/exec /no/such: no such file"):
        hooks.run("prestart", parsed(prestart=[{"path": "/no/such"}]).prestart, {})


def test_one_that_takes_too_long() -> None:
    with pytest.raises(OciError, match=r"hook ran past specified timeout of 1\.0s"):
        hooks.run("prestart", parsed(prestart=[one("exec sleep 60", timeout=1)]).prestart, {})


def test_the_state() -> None:
    spec = {"ociVersion": "1.2.0", "annotations": {"a": "b"}}
    state = hooks.state("x", "created", 5, "/bundle", spec)
    assert state == {
        "ociVersion": "1.2.0", "id": "x", "status": "created", "pid": 5, "bundle": "/bundle",
        "annotations": {"a": "b"},
    }  # fmt: skip
