"""`-e`, `--env-file`, `--label-file`: lines of `NAME=value` (docker/cli, opts.ParseEnvFile)."""

from __future__ import annotations

from sampan.cli.console import environment
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def resolve(text: str) -> str:
    """`NAME=value` as it is; `NAME` with the value of our own environment, or bare (the daemon drops it)."""
    name, equals, _ = text.partition("=")
    if not name:
        raise ValueError(f"invalid environment variable: {text}")
    return text if equals else _own(name)


def variables(files: Sequence[str], given: Sequence[str]) -> list[str]:
    """The container's variables: those of the files first, so that flags override them."""
    found: list[str] = []
    for path in files:
        for line in _lines(path):
            name, equals, _ = line.partition("=")
            if not name:
                raise InvalidArgument(f"invalid environment variable on line: {line}: no variable name")
            if " " in name or "\t" in name:
                raise InvalidArgument(f"invalid env file ({path}): variable '{name}' contains whitespaces")
            if equals or _present(name):
                found.append(line if equals else _own(name))
    return found + list(given)


def labels(files: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """The container's labels, those of the files first."""
    found: dict[str, str] = {}
    for text in [line for path in files for line in _lines(path)] + list(given):
        name, _, value = text.partition("=")
        if not name:
            raise InvalidArgument(f"invalid label '{text}': empty name")
        found[name] = value
    return found


def _lines(path: str) -> list[str]:
    """The lines that say something. A byte order mark is skipped; only the left side is trimmed."""
    with open(path, "rb") as file:
        data = file.read().removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise InvalidArgument(f"invalid env file ({path}): invalid utf8 bytes at line {number}") from None
    lines = (line.removesuffix("\r").lstrip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _present(name: str) -> bool:
    import posix

    return name.encode("utf-8", "surrogateescape") in posix.environ


def _own(name: str) -> str:
    return f"{name}={environment(name)}" if _present(name) else name
