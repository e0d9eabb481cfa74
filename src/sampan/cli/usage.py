"""`--help` in Docker's layout."""

from __future__ import annotations

from sampan.cli import commands, console, dispatch
from sampan.cli.console import PROGRAM, ExitWith
from sampan.cli.flags import SHOWN
from sampan.client.hosts import DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampan.cli.flags import Flag

_COMMON = (  # Docker's, in its order
    *("run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info"),
)
GROUPS = {
    "builder": "Manage builds",
    "compose": "Define and run multi-container applications",
    "container": "Manage containers",
    "context": "Manage contexts",
    "image": "Manage images",
    "manifest": "Manage Docker image manifests and manifest lists",
    "network": "Manage networks",
    "shim": "Let the commands docker and docker-compose be sampan",
    "system": "Manage sampan",
    "volume": "Manage volumes",
}
_WIDTH = 80  # columns, where stdout is no terminal; a wider one is not used either (docker/cli, cli/cobra.go)
_FORMATS = {
    "@table": (
        "Show each item by this form:\n"
        "'table':            a table with headers (default)\n"
        "'table TEMPLATE':   a table of the Go template's columns\n"
        "'json':             JSON\n"
        "'TEMPLATE':         the Go template.\n"
        "Templates are described at https://docs.docker.com/go/formatting/"
    ),
    "@inspect": (
        "Show each item by this form:\n"
        "'json':             JSON\n"
        "'TEMPLATE':         the Go template.\n"
        "Templates are described at https://docs.docker.com/go/formatting/"
    ),
}


def show(words: Sequence[str]) -> int:
    """`sampan help WORDS`: of everything, of a group, or of a verb."""
    if not words:
        text = _everything()
    elif len(words) == 1 and words[0] in commands.GROUPS:
        text = _group(words[0])
    else:
        if words[0] not in commands.VERBS and words[0] not in commands.GROUPS:
            raise ExitWith(1, f"unknown help topic: {' '.join(words)}")
        command, path, _ = dispatch.resolve(words)
        text = _verb(command, path)
    console.out(text)
    return 0


def _everything() -> str:
    others = {name: path for name, path in commands.VERBS.items() if name not in _COMMON}
    return "\n".join(
        [
            f"Usage:  {PROGRAM} [OPTIONS] COMMAND",
            "",
            "Containers on Linux: Docker's commands, no other service needed",
            "",
            "Common Commands:",
            *_listed({name: commands.VERBS[name] for name in _COMMON if name in commands.VERBS}),
            "",
            "Management Commands:",
            *(f"  {name:<10}  {short}" for name, short in GROUPS.items()),
            "",
            "Commands:",
            *_listed(others),
            "",
            "Global Options:",
            *_options(dispatch.GLOBAL_FLAGS),
            "",
            f"Without --host the daemon at {DEFAULT} is used, and started if need be.",
            "",
            f"Run '{PROGRAM} COMMAND --help' for more information on a command.",
        ]
    )


def _group(name: str) -> str:
    own = commands.GROUP_FLAGS.get(name)
    options = ["Options:", *_options(dispatch.load(own).FLAGS), ""] if own else []
    return "\n".join(
        [
            f"Usage:  {PROGRAM} {name} [OPTIONS] COMMAND" if own else f"Usage:  {PROGRAM} {name} COMMAND",
            "",
            GROUPS[name],
            "",
            *options,
            "Commands:",
            *_listed(commands.GROUPS[name]),
            "",
            f"Run '{PROGRAM} {name} COMMAND --help' for more information on a command.",
        ]
    )


def _verb(command: str, path: str) -> str:
    verb = dispatch.load(path)
    lines = [f"Usage:  {PROGRAM} {command} {verb.USAGE}".rstrip(), "", verb.SHORT]
    if len(verb.ALIASES) > 1:
        lines += ["", "Aliases:", "  " + ", ".join(f"{PROGRAM} {alias}" for alias in verb.ALIASES)]
    flags = [*verb.FLAGS, *dispatch.persistent(command)]
    if flags:
        lines += ["", "Options:", *_options(flags)]
    return "\n".join(lines)


def _listed(verbs: Mapping[str, str]) -> list[str]:
    modules = {name: dispatch.load(path) for name, path in verbs.items()}
    shown = {name: verb.SHORT for name, verb in modules.items() if not getattr(verb, "HIDDEN", False)}
    return [f"  {name:<10}  {short}" for name, short in shown.items()]


def _options(flags: Sequence[Flag]) -> list[str]:
    """pflag's FlagUsagesWrapped: names, then the help in a column of its own, wrapped."""
    shown = [flag for flag in flags if flag[4]]
    if any(flag[1] == "h" for flag in flags):  # elsewhere -h is for help, and nobody has to be told
        shown.append(("help", "", "bool", False, "Print usage"))
    shown.sort(key=lambda flag: flag[0])
    heads = [head(flag) for flag in shown]
    column = max(map(len, heads)) + 3
    lines = []
    for names, flag in zip(heads, shown, strict=True):
        first, *rest = _wrapped(full_text(flag), _WIDTH - column)
        lines.append(names.ljust(column) + first)
        lines += [" " * column + line for line in rest]
    return lines


def full_text(flag: Flag) -> str:
    """The help of a flag, with its default."""
    _, _, kind, default, text = flag
    return _FORMATS.get(text, text) + _default(kind, default)


def head(flag: Flag) -> str:
    """`  -e, --env list`."""
    name, short, kind, _, _ = flag
    letter = f"  -{short}, " if short else "      "
    return f"{letter}--{name}" + ("" if kind == "bool" else f" {SHOWN.get(kind, kind)}")


def _default(kind: str, default: object) -> str:
    if kind == "map":
        return " (default map[])"
    if kind in ("ulimit", "throttle", "weight"):
        return " (default [])"
    if not default:
        return ""
    return f' (default "{default}")' if isinstance(default, str) else f" (default {str(default).lower()})"


def _wrapped(text: str, width: int) -> list[str]:
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
