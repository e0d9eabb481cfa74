"""Variables of a Dockerfile: build arguments, where each of them counts, and the predefined ones."""

from collections.abc import Iterable, Mapping

from sampan.build import expand as expansion
from sampan.build.instructions import Arg
from sampan.oci.platform import Platform

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY",
           "no_proxy", "ALL_PROXY", "all_proxy")  # fmt: skip
_CONSUMED = (*PROXIES, "SOURCE_DATE_EPOCH")  # by the builder itself


def platform_arguments(build: Platform, target: Platform, stage: str) -> dict[str, str]:
    found = {"TARGETSTAGE": stage or "default"}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        found[f"{prefix}PLATFORM"] = str(platform)
        found[f"{prefix}OS"] = platform.os
        found[f"{prefix}ARCH"] = platform.architecture
        found[f"{prefix}VARIANT"] = platform.variant
    return found


class Globals:
    """The arguments before the first FROM. They count in FROM, and in a stage that names them."""

    def __init__(
        self, arguments: Iterable[Arg], given: Mapping[str, str], platform: Mapping[str, str], escape: str
    ) -> None:
        self.given = given
        self.escape = escape
        self.used: set[str] = {name for name in given if name in _CONSUMED or name.startswith("BUILDKIT_")}
        self.platform = dict(platform) | {name: given[name] for name in platform if name in given}
        self.values: dict[str, str] = {}
        for arg in arguments:
            for name, default in arg.pairs:
                self._declare(name, default)

    def _declare(self, name: str, default: str | None) -> None:
        if name in self.given:
            self.used.add(name)
            self.values[name] = self.given[name]
        elif default is not None:
            scope = {**self.platform, **self.values}
            self.values[name] = expansion.expand(default, scope, self.escape).text
        elif name in self.platform:
            self.values[name] = self.platform[name]

    def in_from(self) -> dict[str, str]:
        return {**self.platform, **self.values}

    def proxies(self) -> dict[str, str]:
        return {name: self.given[name] for name in PROXIES if name in self.given}


class StageScope:
    """`environment`: of the image so far. An ENV always wins over an ARG."""

    def __init__(self, outside: Globals, environment: Iterable[str]) -> None:
        self._outside = outside
        self.environment = dict(entry.partition("=")[::2] for entry in environment)
        self.arguments: dict[str, str] = {}
        self.declared: set[str] = set()

    def values(self) -> dict[str, str]:
        return {**self.arguments, **self.environment}

    def run_environment(self) -> list[str]:
        return [f"{name}={value}" for name, value in self.values().items()]

    def shown_arguments(self) -> list[str]:
        """Those that a RUN sees and its history names; proxies are nobody's business."""
        return [
            f"{name}={value}"
            for name, value in sorted(self.arguments.items())
            if name not in self.environment and name not in PROXIES
        ]

    def declare(self, name: str, default: str | None) -> str | None:
        """The value that the argument has from now on."""
        outside = self._outside
        self.declared.add(name)
        if name in outside.given:
            outside.used.add(name)
            value: str | None = outside.given[name]
        elif default is not None:
            value = self.expand(default)
        else:
            value = outside.values.get(name, outside.platform.get(name))
        if value is not None:
            self.arguments[name] = value
        return value

    def expand(self, word: str) -> str:
        return expansion.expand(word, self.values(), self._outside.escape).text

    def unset(self, word: str) -> tuple[str, ...]:
        """Names in it that nobody declared."""
        found = expansion.expand(word, self.values(), self._outside.escape).unset
        return tuple(name for name in found if name not in self.declared)

    def expand_words(self, text: str) -> list[str]:
        return expansion.expand_words(text, self.values(), self._outside.escape)[0]

    def expand_content(self, text: str) -> str:
        """The content of a heredoc: quotes are text in it."""
        return expansion.expand(text, self.values(), self._outside.escape, quotes=False).text
