"""Values of flags that are more than a word: sizes, durations, limits. All raise ValueError with Docker's
(or Go's) words.
"""

from __future__ import annotations

_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4, "p": 1024**5}
_DURATIONS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,  # U+00B5
    "μs": 1000,  # U+03BC
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_ULIMITS = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
]
# The sysctls that a namespace of the container's own holds (docker/cli, opts.ValidateSysctl).
_SYSCTLS = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
]
_SYSCTL_PREFIXES = ("net.", "fs.mqueue.")


def parse_bytes(text: str) -> int:
    """`64m`, `1.5GiB`, `100`: units of 1024 (go-units, RAMInBytes)."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = text[len(number) :].strip().lower()
    if unit.endswith("b"):
        unit = unit.removesuffix("b").removesuffix("i") if unit not in ("ib",) else "?"
    if unit not in _UNITS:
        raise ValueError(
            f"invalid suffix: '{text[len(number) :].strip()}'" if number else f"invalid size: '{text}'"
        )
    try:
        value = float(number if number.strip() == number and "_" not in number else "")
    except ValueError:
        raise ValueError(f"invalid size: '{text}'") from None
    if value < 0 or value != value:  # noqa: PLR0124 (NaN)
        raise ValueError(f"invalid size: '{text}'")
    return int(value * _UNITS[unit])


def parse_swap(text: str) -> int:
    """A size, or -1: no limit."""
    return -1 if text == "-1" else parse_bytes(text)


def parse_cpus(text: str) -> int:
    """A decimal number of processors, in billionths."""
    from fractions import Fraction

    try:
        nano = Fraction(text) * 10**9
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"failed to parse {text} as a rational number") from None
    if nano.denominator != 1:
        raise ValueError("value is too precise")
    return int(nano)


def parse_duration(text: str) -> int:
    """Go's durations, `1h30m`, `1.5s`, in nanoseconds (https://pkg.go.dev/time#ParseDuration)."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    total = 0.0
    while rest:
        number = _leading(rest, "0123456789.")
        rest = rest[len(number) :]
        if not number.strip(".") or number.count(".") > 1:
            raise ValueError(f'time: invalid duration "{text}"')
        unit = rest[: len(rest) - len(rest.lstrip("".join(set("".join(_DURATIONS)))))]
        if not rest or rest[0] in "0123456789.":
            raise ValueError(f'time: missing unit in duration "{text}"')
        unit = unit or _until_digit(rest)
        if unit not in _DURATIONS:
            raise ValueError(f'time: unknown unit "{_until_digit(rest)}" in duration "{text}"')
        rest = rest[len(unit) :]
        total += float(number) * _DURATIONS[unit] if "." in number else int(number) * _DURATIONS[unit]
    return sign * round(total)


def parse_pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def parse_ulimit(text: str) -> dict[str, object]:
    """`nofile=1024:2048` (go-units, ParseUlimit)."""
    name, equals, limits = text.partition("=")
    if not equals:
        raise ValueError(f"invalid ulimit argument: {text}")
    if name not in _ULIMITS:
        raise ValueError(f"invalid ulimit type: {name}")
    soft_text, colon, hard_text = limits.partition(":")
    if ":" in hard_text:
        raise ValueError(f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")
    soft = _limit(soft_text)
    hard = _limit(hard_text) if colon else soft
    if hard != -1 and (soft > hard or soft == -1):
        raise ValueError(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    return {"Name": name, "Soft": soft, "Hard": hard}


def parse_sysctl(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not (name in _SYSCTLS or name.startswith(_SYSCTL_PREFIXES)):
        raise ValueError(f"sysctl '{text}' is not allowed")
    return name, value


def check_stream(text: str) -> str:
    if text.lower() not in ("stdin", "stdout", "stderr"):
        raise ValueError("valid streams are STDIN, STDOUT and STDERR")
    return text.lower()


def check_env(text: str) -> str:
    """`NAME=value`, or `NAME`: then the value of our own environment, or none at all."""
    from sampan.cli.container.environment import resolve

    return resolve(text)


def check_label(text: str) -> str:
    if text.startswith("="):
        raise ValueError(f"invalid label '{text}': empty name")
    return text


def check_host(text: str) -> str:
    """`name:address` or `name=address`; the API knows the first."""
    name, separator, address = text.partition("=") if "=" in text else text.partition(":")
    if not separator or not name:
        raise ValueError(f'bad format for add-host: "{text}"')
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if address != "host-gateway":
        try:
            check_address(address)
        except ValueError:
            raise ValueError(f'invalid IP address in add-host: "{address}"') from None
    return f"{name}:{address}"


def check_address(text: str) -> str:
    import _socket

    text = text.strip()
    try:
        _socket.inet_pton(_socket.AF_INET6 if ":" in text else _socket.AF_INET, text)
    except OSError:
        raise ValueError(f"IP address is not correctly formatted: {text}") from None
    return text


def check_domain(text: str) -> str:
    text = text.strip()
    if text == ".":
        return text
    labels = text.removesuffix(".").split(".")
    letters = text.replace(".", "").replace("-", "").replace("_", "")
    valid = letters.isascii() and letters.isalnum() and not letters.isdigit() and len(text) <= 255
    if not valid or any(not 0 < len(label) < 64 or label[0] == "-" or label[-1] == "-" for label in labels):
        raise ValueError(f"{text} is not a valid domain")
    return text


def seconds(text: str, now: float) -> str:
    """`--since` and `--until` for the API: an RFC 3339 time, a Unix time, or a duration before now."""
    from sampan.wire import times

    try:
        nanoseconds = int(now * 10**9) - parse_duration(text)
    except ValueError:
        return times.to_unix(text)
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


def _limit(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _leading(text: str, letters: str) -> str:
    return text[: len(text) - len(text.lstrip(letters))]


def _until_digit(text: str) -> str:
    for index, letter in enumerate(text):
        if letter in "0123456789.":
            return text[:index]
    return text


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """`a=b,c=d`: pflag's stringToString, a record of CSV unless there is one `=` only."""
    from sampan.cli.container.mounts import fields

    found = []
    for pair in [text] if text.count("=") == 1 else fields(text):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair} must be formatted as key=value")
        found.append((name, value))
    return found
