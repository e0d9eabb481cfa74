"""Variables and labels."""

from pathlib import Path

import pytest

from sampan.cli.container import environment
from sampan.errors import InvalidArgument


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posix.environ", {b"HERE": b"value", b"EMPTY": b""})


def test_values_of_the_host(surroundings: None) -> None:
    assert environment.resolve("A=b=c") == "A=b=c"
    assert environment.resolve("HERE") == "HERE=value"
    assert environment.resolve("EMPTY") == "EMPTY="
    assert environment.resolve("MISSING") == "MISSING"
    with pytest.raises(ValueError, match="invalid environment variable: =x"):
        environment.resolve("=x")


def test_files_come_first(tmp_path: Path, surroundings: None) -> None:
    file = tmp_path / "env"
    file.write_bytes("\ufeff# comment\n\n  A=1 \nHERE\nMISSING\r\nB=é=x\r\n".encode())
    assert environment.variables([str(file)], ["A=2"]) == ["A=1 ", "HERE=value", "B=é=x", "A=2"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"A B=1", "variable 'A B' contains whitespaces"),
        (b"=x", "no variable name"),
        (b"\n\xff", "invalid utf8 bytes at line 2"),
    ],
)
def test_wrong_lines(tmp_path: Path, line: bytes, error: str) -> None:
    file = tmp_path / "env"
    file.write_bytes(line)
    with pytest.raises(InvalidArgument, match=error):
        environment.variables([str(file)], [])


def test_labels(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_text("a=1\nb\n")
    assert environment.labels([str(file)], ["a=2", "c=x=y"]) == {"a": "2", "b": "", "c": "x=y"}
