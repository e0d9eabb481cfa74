"""Lines → instructions. The sentences of the errors are BuildKit's (frontend/dockerfile/instructions)."""

import json
import re
from collections.abc import Callable

from sampan.build import durations, lexer
from sampan.build import instructions as ins
from sampan.build.flags import MANY, SWITCH, TEXT, Flags
from sampan.build.instructions import Command, Dockerfile, Instruction, Place, Stage
from sampan.build.lexer import Finding, Line
from sampan.build.source import DockerfileError, suggestion
from sampan.build.words import split_words

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_RESERVED = ("context", "scratch")
_NO_TRIGGERS = ("ONBUILD", "FROM", "MAINTAINER")
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")


def parse(text: str) -> tuple[Dockerfile, list[Finding]]:
    """Raises DockerfileError with its place."""
    document = lexer.read(text)
    arguments: list[ins.Arg] = []
    stages: list[tuple[ins.From, list[Instruction]]] = []
    for line in document.lines:
        try:
            if line.word == "FROM":
                stages.append((_from(line), []))
            else:
                _add(arguments, stages, instruction_of(line, document.escape))
        except DockerfileError as error:
            raise _located(error, line) from None
    if not stages:
        raise DockerfileError("dockerfile contains no stages to build", document.lines[0].span)
    built = tuple(Stage(start, index, tuple(body)) for index, (start, body) in enumerate(stages))
    return Dockerfile(tuple(arguments), built, document.directives, document.escape), list(document.warnings)


def _add(
    arguments: list[ins.Arg], stages: list[tuple[ins.From, list[Instruction]]], instruction: Instruction
) -> None:
    if stages:
        stages[-1][1].append(instruction)
    elif isinstance(instruction, ins.Arg):
        arguments.append(instruction)
    else:
        raise DockerfileError("no build stage in current context")


def _located(error: DockerfileError, line: Line) -> DockerfileError:
    message = f"dockerfile parse error on line {line.span.first}: {error}"
    return DockerfileError(message, error.span or line.span, error.offending)


def trigger(text: str, escape: str = "\\") -> Instruction:
    """An ONBUILD trigger of a base image."""
    lines = lexer.read(text).lines
    if len(lines) != 1 or lines[0].word in _NO_TRIGGERS:
        raise DockerfileError(f"invalid ONBUILD trigger {text[:200]!r}")
    return instruction_of(lines[0], escape)


def instruction_of(line: Line, escape: str) -> Instruction:
    """Raises DockerfileError without a place."""
    parser = _PARSERS.get(line.word)
    if parser is None:
        near = suggestion(line.word, [*_PARSERS, "FROM"])
        raise DockerfileError(f"unknown instruction: {line.written}{near}", offending=line.written)
    if not line.rest and line.word not in ("CMD", "ENTRYPOINT", "RUN") and not line.heredocs:
        raise DockerfileError(f"{line.word} requires {_NEEDS.get(line.word, 'at least one argument')}")
    return parser(line, escape)


_NEEDS = {
    "USER": "exactly one argument", "WORKDIR": "exactly one argument", "STOPSIGNAL": "exactly one argument",
    "MAINTAINER": "exactly one argument", "COPY": "at least two arguments, but only one was provided. "
    "Destination could not be determined", "ADD": "at least two arguments, but only one was provided. "
    "Destination could not be determined",
}  # fmt: skip


def _place(line: Line) -> Place:
    return Place(line.original, line.span)


def _from(line: Line) -> ins.From:
    flags = Flags(line, {"platform": TEXT})
    words = line.rest.split()
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if not _STAGE_NAME.fullmatch(name):
            raise DockerfileError(
                f'invalid name for build stage: "{words[2]}", name can\'t start with a number or contain'
                " symbols",
                offending=words[2],
            )
        return ins.From(_place(line), words[0], flags.text("platform"), name)
    if len(words) != 1:
        raise DockerfileError("FROM requires either one or three arguments", offending=line.rest)
    return ins.From(_place(line), words[0], flags.text("platform"))


def _no_flags(line: Line) -> None:
    Flags(line, {})


def json_form(text: str) -> tuple[str, ...] | None:
    """A JSON array of strings, or None: then it is for the shell."""
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        return None
    return tuple(found)


def _command(line: Line) -> Command:
    words = json_form(line.rest)
    if words is not None:
        return Command(words, shell=False)
    return Command((line.rest,) if line.rest else (), shell=True)


def _run(line: Line, _escape: str) -> Instruction:
    flags = Flags(line, {"mount": MANY, "network": TEXT, "security": TEXT, "device": MANY})
    network, security = flags.text("network") or "default", flags.text("security") or "sandbox"
    if network not in ("default", "none", "host"):
        raise DockerfileError(f"network {network} is not supported", offending=network)
    if security not in ("sandbox", "insecure"):
        raise DockerfileError(f'security "{security}" is not valid', offending=security)
    if flags.many("device"):
        raise DockerfileError("RUN --device is not supported", offending="--device")
    command = _command(line)
    if not command.words:
        raise DockerfileError("RUN requires at least one argument")
    return ins.Run(_place(line), command, flags.many("mount"), line.heredocs, network, security)


_COPY_FLAGS = {"from": TEXT, "chown": TEXT, "chmod": TEXT, "link": SWITCH, "parents": SWITCH, "exclude": MANY}
_ADD_FLAGS = {"chown": TEXT, "chmod": TEXT, "link": SWITCH, "keep-git-dir": SWITCH, "checksum": TEXT,
              "exclude": MANY, "unpack": SWITCH}  # fmt: skip


def _copy(line: Line, escape: str) -> Instruction:
    add = line.word == "ADD"
    flags = Flags(line, _ADD_FLAGS if add else _COPY_FLAGS)
    words = json_form(line.rest)
    if words is None:
        words = tuple(split_words(line.rest, escape))
    if len(words) < 2:
        only = "" if not words else ", but only one was provided"
        raise DockerfileError(
            f"{line.word} requires at least two arguments{only}. Destination could not be determined"
        )
    if (
        flags.text("checksum")
        and not _CHECKSUM.fullmatch(flags.text("checksum"))
        and "$" not in flags.text("checksum")
    ):
        raise DockerfileError(f"invalid checksum: {flags.text('checksum')}", offending=flags.text("checksum"))
    if lexer.heredoc(words[-1], escape) is not None:
        raise DockerfileError(f"{line.word} cannot use a heredoc as a destination", offending=words[-1])
    return ins.Copy(
        place=_place(line),
        sources=words[:-1],
        target=words[-1],
        add=add,
        origin=flags.text("from"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.switch("link"),
        parents=flags.switch("parents"),
        exclude=flags.many("exclude"),
        checksum=flags.text("checksum"),
        keep_git=flags.switch("keep-git-dir"),
        unpack=flags.optional("unpack"),
        heredocs=line.heredocs,
    )


def _pairs(line: Line, escape: str) -> tuple[tuple[tuple[str, str], ...], bool]:
    """`a=b c=d`, or the old `name the rest` (True)."""
    words = split_words(line.rest, escape)
    if "=" not in words[0]:
        parts = line.rest.split(None, 1)
        if len(parts) < 2:
            raise DockerfileError(f"{line.word} must have two arguments", offending=line.rest)
        return ((parts[0], parts[1]),), True
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise DockerfileError(
                f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value', offending=word
            )
        if not name:
            raise DockerfileError(f"{line.word} names can not be blank", offending=word)
        pairs.append((name, value))
    return tuple(pairs), False


def _env(line: Line, escape: str) -> Instruction:
    _no_flags(line)
    return ins.Env(_place(line), *_pairs(line, escape))


def _label(line: Line, escape: str) -> Instruction:
    _no_flags(line)
    return ins.Label(_place(line), *_pairs(line, escape))


def _arg(line: Line, escape: str) -> Instruction:
    _no_flags(line)
    pairs: list[tuple[str, str | None]] = []
    for word in split_words(line.rest, escape):
        name, equals, value = word.partition("=")
        if not name:
            raise DockerfileError("ARG names can not be blank", offending=word)
        pairs.append((name, value if equals else None))
    return ins.Arg(_place(line), tuple(pairs))


def _cmd(line: Line, _escape: str) -> Instruction:
    _no_flags(line)
    return ins.Cmd(_place(line), _command(line))


def _entrypoint(line: Line, _escape: str) -> Instruction:
    _no_flags(line)
    return ins.Entrypoint(_place(line), _command(line))


def _healthcheck(line: Line, _escape: str) -> Instruction:
    names = ("interval", "timeout", "start-period", "start-interval")
    flags = Flags(line, dict.fromkeys((*names, "retries"), TEXT))
    kind, _, rest = line.rest.partition(" ")
    if kind.upper() == "NONE":
        if rest.strip():
            raise DockerfileError("HEALTHCHECK NONE takes no arguments", offending=rest.strip())
        return ins.Healthcheck(_place(line), ("NONE",))
    if kind.upper() != "CMD":
        raise DockerfileError(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)', offending=kind)
    words = json_form(rest.strip())
    if not rest.strip() or words == ():
        raise DockerfileError("Missing command after HEALTHCHECK CMD")
    test = ("CMD", *words) if words is not None else ("CMD-SHELL", rest.strip())
    times = [durations.parse(flags.text(name), name) for name in names]
    retries = flags.text("retries")
    if retries and not (retries.isascii() and retries.isdecimal() and 0 < int(retries) < 1 << 31):
        raise DockerfileError(f"--retries must be at least 1 (not {retries})", offending=retries)
    return ins.Healthcheck(_place(line), test, times[0], times[1], times[2], times[3], int(retries or 0))


def _words(line: Line, escape: str) -> tuple[str, ...]:
    return tuple(split_words(line.rest, escape))


def _expose(line: Line, escape: str) -> Instruction:
    _no_flags(line)
    return ins.Expose(_place(line), _words(line, escape))


def _user(line: Line, escape: str) -> Instruction:
    return ins.User(_place(line), _single(line, escape))


def _single(line: Line, _escape: str) -> str:
    _no_flags(line)
    return line.rest


def _workdir(line: Line, escape: str) -> Instruction:
    return ins.Workdir(_place(line), _single(line, escape))


def _volume(line: Line, escape: str) -> Instruction:
    _no_flags(line)
    paths = json_form(line.rest)
    paths = paths if paths is not None else _words(line, escape)
    if not paths:
        raise DockerfileError("VOLUME requires at least one argument")
    if any(not path.strip() for path in paths):
        raise DockerfileError("VOLUME specified can not be an empty string")
    return ins.Volume(_place(line), paths)


def _stop_signal(line: Line, escape: str) -> Instruction:
    if len(line.rest.split()) != 1:
        raise DockerfileError("STOPSIGNAL requires exactly one argument", offending=line.rest)
    return ins.StopSignal(_place(line), _single(line, escape))


def _shell(line: Line, _escape: str) -> Instruction:
    _no_flags(line)
    words = json_form(line.rest)
    if words is None:
        raise DockerfileError("SHELL requires the arguments to be in JSON form", offending=line.rest)
    if not words:
        raise DockerfileError("SHELL requires at least one argument")
    return ins.Shell(_place(line), words)


def _on_build(line: Line, escape: str) -> Instruction:
    _no_flags(line)
    word = line.rest.split(None, 1)[0].upper()
    if word == "ONBUILD":
        raise DockerfileError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", offending=line.rest)
    if word in _NO_TRIGGERS:
        raise DockerfileError(f"{word} isn't allowed as an ONBUILD trigger", offending=line.rest)
    text = re.split(r"(?i)onbuild\s+", line.original, maxsplit=1)[-1]
    trigger(text, escape)  # what is wrong is told here, and not to whoever builds from this image
    return ins.OnBuild(_place(line), text)


def _maintainer(line: Line, _escape: str) -> Instruction:
    _no_flags(line)
    return ins.Maintainer(_place(line), line.rest)


_PARSERS: dict[str, Callable[[Line, str], Instruction]] = {
    "ADD": _copy, "ARG": _arg, "CMD": _cmd, "COPY": _copy, "ENTRYPOINT": _entrypoint, "ENV": _env,
    "EXPOSE": _expose, "HEALTHCHECK": _healthcheck, "LABEL": _label, "MAINTAINER": _maintainer,
    "ONBUILD": _on_build, "RUN": _run, "SHELL": _shell, "STOPSIGNAL": _stop_signal, "USER": _user,
    "VOLUME": _volume, "WORKDIR": _workdir,
}  # fmt: skip
