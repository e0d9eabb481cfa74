"""The `--flags` of one instruction."""

from collections.abc import Mapping

from sampan.build.lexer import Line
from sampan.build.source import DockerfileError, suggestion

TEXT, MANY, SWITCH = "text", "many", "switch"


class Flags:
    """`kinds`: what the instruction takes. Raises DockerfileError for anything else."""

    def __init__(self, line: Line, kinds: Mapping[str, str]) -> None:
        self._found: dict[str, list[str]] = {}
        for flag in line.flags:
            name, equals, value = flag[2:].partition("=")
            kind = kinds.get(name)
            if kind is None:
                known = [f"--{one}" for one in kinds]
                raise DockerfileError(
                    f"unknown flag: --{name}{suggestion('--' + name, known)}", offending=f"--{name}"
                )
            if kind == SWITCH:
                value = _switch(name, value) if equals else "true"
            elif not equals:
                raise DockerfileError(f"missing a value on flag: {name}", offending=flag)
            if name in self._found and kind != MANY:
                raise DockerfileError(f"duplicate flag specified: {name}", offending=flag)
            self._found.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        return self._found.get(name, [""])[0]

    def many(self, name: str) -> tuple[str, ...]:
        return tuple(self._found.get(name, ()))

    def switch(self, name: str) -> bool:
        return self.text(name) == "true"

    def optional(self, name: str) -> bool | None:
        return self.switch(name) if name in self._found else None


def _switch(name: str, value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise DockerfileError(f"expecting boolean value for flag {name}, not: {value}", offending=f"--{name}")
    return value.lower()
