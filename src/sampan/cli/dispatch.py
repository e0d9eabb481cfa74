"""From the words of the command line to a verb, and from its end to an exit status."""

from __future__ import annotations

import posix
import sys
from _signal import SIG_DFL, SIGINT, signal

from sampan.cli import commands, console, flags
from sampan.cli.console import PROGRAM, ExitWith
from sampan.cli.session import Session
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import NoReturn

GLOBAL_FLAGS = (
    ("config", "", "string", "", "Location of client config files"),
    ("context", "c", "string", "", "Context to use (overrides DOCKER_HOST and the one of `context use`)"),
    ("debug", "D", "bool", False, "Enable debug mode"),
    ("host", "H", "list", None, "Daemon socket to connect to"),
    ("log-level", "l", "string", "info", 'Set the logging level ("debug", "info", "warn", "error", "fatal")'),
    ("tls", "", "bool", False, "Use TLS; implied by --tlsverify"),
    ("tlscacert", "", "string", "", "Trust certificates that this CA signed, only"),
    ("tlscert", "", "string", "", "TLS certificate file"),
    ("tlskey", "", "string", "", "TLS key file"),
    ("tlsverify", "", "bool", False, "Use TLS and verify the daemon"),
    ("version", "v", "bool", False, "Print version information and quit"),
)
_SYNTAX = 16  # docker/compose, CommandSyntaxFailure
_LEVELS = ("panic", "fatal", "error", "warn", "warning", "info", "debug", "trace")


def main(words: Sequence[str]) -> NoReturn:
    """Run the command and leave the process. Nothing is left to clean up, so the interpreter is not taken
    down.
    """
    signal(SIGINT, SIG_DFL)  # Python's handler would print a traceback
    posix._exit(run(["compose", *words] if console.COMPOSE else words))


def run(words: Sequence[str]) -> int:
    """Run the command: its exit status."""
    try:
        return _run(words)
    except ExitWith as leave:
        if leave.text:
            console.error(leave.text)
        return leave.status
    except SampanError as error:
        console.error(str(error))
        return 1
    except OSError as error:
        console.error(_system_error(error))
        return 1


def _run(words: Sequence[str]) -> int:
    parser = flags.Parser(GLOBAL_FLAGS, interspersed=False)
    try:
        parser.parse(words)
    except flags.FlagError as error:
        raise ExitWith(125, _usage_error(str(error), "", "[OPTIONS] COMMAND [ARG...]")) from None
    except flags.HelpWanted:
        return _help([])
    given, options, words = words, parser.values, parser.arguments
    if options["log-level"] not in _LEVELS:
        raise ExitWith(1, f"Unable to parse logging level: {options['log-level']}")
    if options["version"]:
        from sampan.cli.system.version import own_version

        console.out(own_version())
        return 0
    if words and words[0] in ("__complete", "__completeNoDesc"):
        from sampan.cli.completion import complete

        return complete.main([*given[: len(given) - len(words)], *words[1:]])
    if not words or words[0] == "help":
        return _help(words[1:])
    group = None
    if words[0] in commands.GROUP_FLAGS:
        group, words = _group_flags(words)
        if group["version"]:
            words = [words[0], "version"]
    command, path, rest = resolve(words)
    return _run_verb(Session(options, command, group), load(path), rest)


def _group_flags(words: Sequence[str]) -> tuple[flags.Values, Sequence[str]]:
    """What stands between a group and its verb, and the words without it."""
    first = words[0]
    table = load(commands.GROUP_FLAGS[first])
    parser = flags.Parser(table.FLAGS, interspersed=False)
    try:
        parser.parse(words[1:])
    except flags.FlagError as error:
        raise ExitWith(_SYNTAX, _usage_error(str(error), first, "[OPTIONS] COMMAND")) from None
    except flags.HelpWanted:
        raise ExitWith(_help([first])) from None
    table.check(parser.values)
    return parser.values, [first, *parser.arguments]


def persistent(command: str) -> Sequence[flags.Flag]:
    """Flags of a group that may stand behind the verb as well."""
    first = command.partition(" ")[0]
    if first not in commands.GROUP_FLAGS:
        return ()
    found: Sequence[flags.Flag] = load(commands.GROUP_FLAGS[first]).PERSISTENT
    return found


def resolve(words: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    """(how the command is called, its module's path, the words behind). Leaves for what is no command."""
    first = words[0]
    if first in commands.VERBS:
        return first, commands.VERBS[first], words[1:]
    group = commands.GROUPS.get(first)
    if group is None:
        text = f"{PROGRAM}: unknown command: {PROGRAM} {first}\n\nRun '{PROGRAM} --help' for more information"
        raise ExitWith(1, text)
    if len(words) == 1 or words[1] in ("--help", "-h", "help"):
        raise ExitWith(_help([first]))
    second = commands.GROUP_ALIASES.get(first, {}).get(words[1], words[1])
    if second not in group:
        if second.startswith("-"):
            raise ExitWith(125, _usage_error(f"unknown flag: {second}", first, "COMMAND"))
        status = _SYNTAX if first == "compose" else 1
        raise ExitWith(
            status, _usage_error(f"{PROGRAM}: unknown command: {PROGRAM} {first} {words[1]}", first, "")
        )
    return f"{first} {second}", group[second], words[2:]


def load(path: str) -> ModuleType:
    """A verb's module: USAGE, SHORT, ALIASES, FLAGS, ARGUMENTS (least, most), perhaps INTERSPERSED, and
    `main`.
    """
    name = f"sampan.cli.{path}"
    __import__(name)
    return sys.modules[name]


def _run_verb(session: Session, verb: ModuleType, words: Sequence[str]) -> int:
    further = persistent(session.command)
    parser = flags.Parser((*verb.FLAGS, *further), interspersed=getattr(verb, "INTERSPERSED", True))
    try:
        parser.parse(words)
    except flags.FlagError as error:
        status = _SYNTAX if session.command.startswith("compose ") else 125
        raise ExitWith(status, _usage_error(str(error), session.command, verb.USAGE)) from None
    except flags.HelpWanted:
        return _help(session.command.split())
    _check_count(session.command, verb, len(parser.arguments))
    for flag in further:
        if flag[0] in parser.values.changed:
            session.group[flag[0]] = parser.values[flag[0]]
    ended: int = verb.main(session, parser.values, parser.arguments)
    return ended


def _check_count(command: str, verb: ModuleType, count: int) -> None:
    least, most = verb.ARGUMENTS
    if least <= count and (most is None or count <= most):
        return
    hint = "Run"
    if command.startswith("compose "):
        raise ExitWith(1, _usage_error(_compose_count(count, least, most), command, verb.USAGE))
    if most == 0:
        wanted = "accepts no arguments"
    elif least == most:
        wanted = f"requires {_arguments(least)}"
    elif most is None:
        wanted, hint = f"requires at least {_arguments(least)}", "See"
    elif least == 0:
        wanted = f"requires at most {_arguments(most)}"
    else:
        wanted = f"requires at least {least} and at most {_arguments(most)}"
    raise ExitWith(1, _usage_error(f"{PROGRAM}: '{PROGRAM} {command}' {wanted}", command, verb.USAGE, hint))


def _compose_count(count: int, least: int, most: int | None) -> str:
    """As cobra says it, whose checks compose uses."""
    if count < least:
        return f"requires at least {least} arg(s), only received {count}"
    return f"accepts at most {most} arg(s), received {count}"


def _arguments(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"


def _usage_error(text: str, command: str, usage: str, hint: str = "Run") -> str:
    full = f"{PROGRAM} {command}".rstrip()
    line = f"{full} {usage}".rstrip()
    return f"{text}\n\nUsage:  {line}\n\n{hint} '{full} --help' for more information"


def _help(words: Sequence[str]) -> int:
    from sampan.cli import usage

    return usage.show(words)


def _system_error(error: OSError) -> str:
    """Go's form: `open /x: no such file or directory`."""
    reason = (error.strerror or str(error)).lower() if error.errno else str(error)
    return f"open {error.filename}: {reason}" if error.filename is not None else reason
