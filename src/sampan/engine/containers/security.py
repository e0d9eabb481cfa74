"""HostConfig.SecurityOpt: `name=value`, or, as long ago, `name:value`. Pure."""

from sampan.engine.containers.config import HostConfig
from sampan.errors import InvalidArgument

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_SWITCHES = ("no-new-privileges", "writable-cgroups")
_VALUES = ("seccomp", "label", "apparmor", "systempaths")


def options(host: HostConfig) -> list[tuple[str, str]]:
    return [_split(text)[:2] for text in host.security_opt or ()]


def check(host: HostConfig) -> None:
    """Raises InvalidArgument in Docker's words."""
    for text in host.security_opt or ():
        name, value, given = _split(text)
        if not given and name != "no-new-privileges":
            raise InvalidArgument(f'invalid --security-opt 1: "{text}"')
        wrong_switch = name in _SWITCHES and given and value not in _TRUE + _FALSE
        if (
            name not in _SWITCHES + _VALUES
            or wrong_switch
            or (name == "systempaths" and value != "unconfined")
        ):
            raise InvalidArgument(f'invalid --security-opt 2: "{text}"')


def no_new_privileges(host: HostConfig) -> bool:
    return _is_on(host, "no-new-privileges")


def writable_cgroups(host: HostConfig) -> bool:
    return _is_on(host, "writable-cgroups")


def _is_on(host: HostConfig, wanted: str) -> bool:
    """The last word counts."""
    found = [value for name, value in options(host) if name == wanted]
    return bool(found) and found[-1] in ("", *_TRUE)


def _split(text: str) -> tuple[str, str, bool]:
    name, separator, value = text.partition("=" if "=" in text else ":")
    return name, value, bool(separator)
