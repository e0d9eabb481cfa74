"""What others have written, on the client's side: J2 (progress), J5 (configuration), J6 (templates)."""

import os
import pty
import time
from pathlib import Path
from typing import Any

import pytest

from sampan.cli import config
from sampan.cli.console import ExitWith
from sampan.cli.image import bars, keeper, progress
from sampan.cli.template.errors import ExecutionError, ParseError
from sampan.cli.template.evaluate import Template

_NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2**63, -(2**63), 2**70, 10**400, 1e308, float("inf"), float("nan"), -0.5),
    *(None, "", "7", "x", [], {}, True, [1], {"a": 1}),
)
_TOTALS: tuple[Any, ...] = (None, 0, -5, 10, 2**64, "x")
_DETAILS = [
    *(
        {"current": current, "total": total}
        for current in _NUMBERS
        for total in (None, 0, -5, 10, 2**64, "x")
    ),
    *({"current": 5, "total": total, "units": units} for total in _NUMBERS for units in ("", 5)),
]
_MESSAGES: list[dict[str, Any]] = [
    *({"id": "a", "status": "Downloading", "progressDetail": detail} for detail in _DETAILS),
    *({"id": "a", "status": "Downloading", "progressDetail": odd} for odd in ("x", 5, [], [1], True, None)),
    *({"id": odd, "status": odd, "progress": odd} for odd in _NUMBERS),
    *({"stream": odd} for odd in _NUMBERS),
    {},
]


def test_no_progress_raises_or_moves_the_cursor() -> None:
    """Of bars on a terminal (moby 571167202a, docker/for-linux#419)."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    try:
        shown = bars.Bars(slave)
        for message in _MESSAGES:
            shown.show(message)
            try:
                os.read(master, 1 << 20)
            except BlockingIOError:
                continue
        shown.close()
    finally:
        os.close(slave)
        os.close(master)


def test_no_progress_raises_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    shown = progress.Lines(1)
    for message in _MESSAGES:
        shown.show(message)
    shown.close()


@pytest.mark.parametrize("helper", ["../../x", "/bin/sh", "a/b", "..", "x\0y", "-x", "a b", "$(x)", "A;b"])
def test_a_helper_is_a_name(helper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a program on PATH, and never one of the directory that somebody happens to be in."""
    mark = tmp_path / "mark"
    for name in (
        "docker-credential-..",
        "docker-credential-x",
        "docker-credential-" + helper.replace("/", ""),
    ):
        if "\0" not in name:
            (tmp_path / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
            (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ExitWith):
        keeper.get(helper, "registry.example")
    assert not mark.exists()


@pytest.mark.parametrize(
    "text", ['{"credsStore": []}', '{"auths": 5}', '{"auths": {"x": 1}}', "[]", '"x"', "{" * 9999]
)
def test_any_configuration_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    found = config.read(str(tmp_path))
    assert isinstance(found, dict)
    assert isinstance(config.credential_helper(found, "x"), str)
    assert isinstance(config.proxies(found, "unix:///x", []), list)
    assert config.headers(found) == ()


_ROW: dict[str, Any] = {"Names": "x", "Labels": {"a": "b"}, "list": [1, 2], "n": 5}
_FORBIDDEN = (
    "{{.__class__}}",
    "{{.Names.__class__}}",
    "{{.Labels.__init__}}",
    "{{.Labels.keys}}",
    "{{.list.append}}",
    "{{.__init__.__globals__}}",
    "{{.Names.format}}",
    "{{call .Labels.pop}}",
    '{{index . "__class__" 0}}',
    "{{.n.real}}",
    "{{.n.to_bytes}}",
    '{{.Labels.__getitem__ "a"}}',
    "{{(index .list 0).numerator}}",
)


@pytest.mark.parametrize("form", _FORBIDDEN)
def test_a_template_reaches_nothing_of_python(form: str) -> None:
    try:
        shown = Template(form).execute(_ROW)
    except (ExecutionError, ParseError):
        return
    assert shown.replace("<no value>", "").strip() == ""


_ENDLESS = (
    '{{define "a"}}{{template "a"}}{{end}}{{template "a"}}',
    '{{printf "%999999999d" 1}}',
    '{{printf "%-999999999s|%.999999999f" "x" 1.5}}',
    "{{" + "(" * 20000 + ")" * 20000 + "}}",
    "{{if 1}}" * 5000 + "{{end}}" * 5000,
    "{{range .list}}" * 30 + "x" + "{{end}}" * 30,
    "{{" + "not " * 5000 + "1}}",
)


@pytest.mark.parametrize("form", _ENDLESS, ids=range(len(_ENDLESS)))
def test_a_template_has_its_end(form: str) -> None:
    """It is refused, or its text is of a size that a terminal can take."""
    began = time.process_time()
    try:
        shown = Template(form).execute(_ROW)
    except (ExecutionError, ParseError):
        shown = ""
    assert len(shown) <= 64 << 20
    assert time.process_time() - began < 30
