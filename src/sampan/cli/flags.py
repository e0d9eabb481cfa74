"""The grammar of flags: pflag's (https://pkg.go.dev/github.com/spf13/pflag), which Docker's command line
follows.

A flag is a tuple `(name, shorthand, kind, default, help)`, so that a verb's table is one constant of
its compiled module. A kind is what stands behind the flag in the help; `(name)` in `_PARSERS` or
`_LATE` reads its value. Kinds in `_MANY` collect: the flag may be repeated. A flag whose help is ""
is understood but not shown.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Flag = tuple[str, str, str, Any, str]

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_INT64 = 2**63
_MANY = ("list", "filter", "map", "mount", "network", "stringToString", "throttle", "ulimit", "weight")
# Kinds that the help shows under another name.
SHOWN = {"throttle": "list", "weight": "list"}


class FlagError(Exception):
    """The words that the user reads; the usage line follows them, and the exit status is 125."""


class HelpWanted(Exception):
    """`--help`, or `-h` where that is no other flag."""


class Values(dict[str, "Any"]):
    """What the flags say, by name; `changed` are those that were given."""

    __slots__ = ("changed",)

    def __init__(self, flags: Sequence[Flag]) -> None:
        super().__init__()
        self.changed: set[str] = set()
        for name, _, kind, default, _ in flags:
            self[name] = [] if kind in _MANY else default


class Parser:
    """One command line, read from the left. `arguments` are the words that are not flags."""

    def __init__(self, flags: Sequence[Flag], *, interspersed: bool = True) -> None:
        self.values = Values(flags)
        self.arguments: list[str] = []
        self._flags = flags
        self._interspersed = interspersed
        self._help = False

    def parse(self, words: Sequence[str]) -> None:
        """Read `words`. Raises FlagError, and HelpWanted when all of them are well formed."""
        rest = list(reversed(words))  # a stack: pop() takes the next word
        while rest:
            word = rest.pop()
            if len(word) < 2 or word[0] != "-":
                self.arguments.append(word)
                if not self._interspersed:
                    break
            elif word == "--":
                break
            elif word[1] == "-":
                self._long(word, rest)
            else:
                self._short(word, rest)
        self.arguments += reversed(rest)
        if self._help:
            raise HelpWanted

    def _long(self, word: str, rest: list[str]) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name[0] in "-=":
            raise FlagError(f"bad flag syntax: {word}")
        flag = self._find(0, name)
        if flag is None:
            if name != "help":
                raise FlagError(f"unknown flag: --{name}")
            self._help = True
        elif equals:
            self._set(flag, value)
        elif flag[2] == "bool":
            self._set(flag, "true")
        elif rest:
            self._set(flag, rest.pop())
        else:
            raise FlagError(f"flag needs an argument: --{name}")

    def _short(self, word: str, rest: list[str]) -> None:
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self._find(1, letter)
            if flag is None:
                if letter != "h":
                    raise FlagError(f"unknown shorthand flag: '{letter}' in -{letter + letters}")
                self._help = True
            elif len(letters) > 1 and letters[0] == "=":
                self._set(flag, letters[1:])
                return
            elif flag[2] == "bool":
                self._set(flag, "true")
            elif letters:
                self._set(flag, letters)
                return
            elif rest:
                self._set(flag, rest.pop())
            else:
                raise FlagError(f"flag needs an argument: '{letter}' in -{letter}")

    def _find(self, position: int, name: str) -> Flag | None:
        for flag in self._flags:
            if flag[position] == name:
                return flag
        return None

    def _set(self, flag: Flag, text: str) -> None:
        name, short, kind, _, _ = flag
        try:
            value = _parser(name, kind)(text)
        except ValueError as error:
            shown = f"-{short}, --{name}" if short else f"--{name}"
            raise FlagError(f'invalid argument "{text}" for "{shown}" flag: {error}') from None
        if kind in _MANY:
            self.values[name].append(value)
        else:
            self.values[name] = value
        self.values.changed.add(name)


def _parser(name: str, kind: str) -> Callable[[str], Any]:
    late = (kind != "bool" and _LATE.get(name)) or _LATE.get(kind)
    if late is None:
        return _PARSERS[kind]
    import sys

    module, function = late
    __import__(module)
    parser: Callable[[str], Any] = getattr(sys.modules[module], function)
    return parser


def _bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _int(text: str) -> int:
    """Go's ParseInt with base 0: decimal, 0x, 0o, 0b, and a leading 0 for octal."""
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    try:
        value = int(text if text == text.strip() else "", 8 if octal else 0)
    except ValueError:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if not -_INT64 <= value < _INT64:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def _uint(text: str, largest: int = 2**64) -> int:
    """Go's ParseUint with base 0."""
    try:
        value = -1 if text.startswith(("-", "+")) else _int(text)
    except ValueError as error:
        value = largest if "out of range" in str(error) else -1
    if value < 0:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if value >= largest:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return value


def _uint16(text: str) -> int:
    return _uint(text, 2**16)


def _filter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("bad format of filter (expected name=value)")
    return name.strip().lower(), value.strip()


_PARSERS: dict[str, Callable[[str], Any]] = {
    "bool": _bool,
    "string": str,
    "list": str,
    "int": _int,
    "uint": _uint,
    "uint16": _uint16,
    "filter": _filter,
}
# Values whose reading is worth a module, and single flags whose words are checked at once.
_LATE = {
    "bytes": ("sampan.cli.values", "parse_bytes"),
    "memory-swap": ("sampan.cli.values", "parse_swap"),
    "decimal": ("sampan.cli.values", "parse_cpus"),
    "duration": ("sampan.cli.values", "parse_duration"),
    "map": ("sampan.cli.values", "parse_pair"),
    "stringToString": ("sampan.cli.values", "parse_pairs"),
    "ulimit": ("sampan.cli.values", "parse_ulimit"),
    "sysctl": ("sampan.cli.values", "parse_sysctl"),
    "mount": ("sampan.cli.container.mounts", "parse_mount"),
    "network": ("sampan.cli.container.networks", "parse_network"),
    "weight": ("sampan.cli.container.devices", "parse_weight"),
    "device-read-bps": ("sampan.cli.container.devices", "parse_bytes_rate"),
    "device-write-bps": ("sampan.cli.container.devices", "parse_bytes_rate"),
    "device-read-iops": ("sampan.cli.container.devices", "parse_count_rate"),
    "device-write-iops": ("sampan.cli.container.devices", "parse_count_rate"),
    "device-cgroup-rule": ("sampan.cli.container.devices", "check_rule"),
    "gpu-request": ("sampan.cli.container.devices", "parse_gpus"),
    "link": ("sampan.cli.container.devices", "check_link"),
    "attach": ("sampan.cli.values", "check_stream"),
    "env": ("sampan.cli.values", "check_env"),
    "label": ("sampan.cli.values", "check_label"),
    "add-host": ("sampan.cli.values", "check_host"),
    "dns": ("sampan.cli.values", "check_address"),
    "dns-search": ("sampan.cli.values", "check_domain"),
}


def filters(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """What `--filter` collected, as the API takes it: the same name means or."""
    wanted: dict[str, list[str]] = {}
    for name, value in pairs:
        wanted.setdefault(name, []).append(value)
    return wanted
