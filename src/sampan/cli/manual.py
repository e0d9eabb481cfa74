"""`sampan man`: the manual pages, in man(7)'s language, from the tables that the commands run by.

The wheel has them in share/man/man1: hatch_build.py calls `pages`.
"""

from __future__ import annotations

from sampan.cli import commands, dispatch, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from sampan.cli.flags import Flag, Values
    from sampan.cli.session import Session

USAGE = "DIR"
SHORT = "Write the manual pages to a directory"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = ()

_ENVIRONMENT = (
    ("SAMPAN_HOST, DOCKER_HOST", "The daemon to speak to, as with --host; the former comes first."),
    ("DOCKER_CONTEXT", "The context to use, unless --context, --host or DOCKER_HOST is given."),
    ("DOCKER_CONFIG", "The directory of config.json and of contexts, as with --config."),
    (
        "DOCKER_TLS_VERIFY, DOCKER_CERT_PATH",
        "Not empty: as --tlsverify; where ca.pem, cert.pem, key.pem are.",
    ),
    ("DOCKER_API_VERSION", "The version of the API to speak."),
    ("DOCKER_DEFAULT_PLATFORM", "What --platform is when it is not given."),
    ("SAMPAN_PYTHON", "The interpreter that the command runs with."),
)
_FILES = (
    ("~/.docker/config.json", "The client's configuration, Docker's own."),
    ("/etc/sampan/config.toml", "The daemon's configuration."),
    ("/run/sampan/sampan.sock", "The daemon's socket; who may write there is root on this machine."),
)
_STATUS = (
    "0, or 1 after an error; 125 for wrong flags; of run and exec: the command's own, 126 when it cannot be "
    "run, 127 when it is not there."
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    import os

    os.makedirs(arguments[0], exist_ok=True)
    for name, text in pages().items():
        with open(f"{arguments[0]}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    return 0


def pages() -> dict[str, str]:
    """File name → content. A verb that is known by two names has one page, and one that refers to it."""
    found = {"sampan.1": _whole()}
    written: dict[str, str] = {}
    grouped = {f"{group} {verb}": path for group, vs in commands.GROUPS.items() for verb, path in vs.items()}
    for words, path in {**grouped, **commands.VERBS}.items():
        verb = dispatch.load(path)
        name = f"sampan-{words.replace(' ', '-')}"
        if getattr(verb, "HIDDEN", False):
            continue
        if path in written:
            found[f"{name}.1"] = f".so man1/{written[path]}.1\n"
            continue
        written[path] = name
        found[f"{name}.1"] = _page(words, name, verb)
    for group, verbs in commands.GROUPS.items():
        found[f"sampan-{group}.1"] = _group(group, verbs)
    return found


def _whole() -> str:
    listed = {**{name: dispatch.load(path).SHORT for name, path in commands.VERBS.items()}, **usage.GROUPS}
    lines = [_title("sampan"), *_section("NAME", "sampan \\- containers on Linux")]
    lines += _section("SYNOPSIS", "\\fBsampan\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARG\\fR...]")
    told = "The commands are Docker's. Without a host the daemon of this machine is used, started if need be."
    lines += _section("DESCRIPTION", _escaped(told))
    lines += [".SH COMMANDS"]
    for name, short in sorted(listed.items()):
        see = f"see \\fBsampan\\-{_escaped(name)}\\fR(1)"
        lines += [".TP", f"\\fB{_escaped(name)}\\fR", f"{_escaped(short)}; {see}"]
    lines += _options(dispatch.GLOBAL_FLAGS)
    lines += _section("EXIT STATUS", _escaped(_STATUS))
    for title, rows in (("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        lines.append(f".SH {title}")
        for name, text in rows:
            lines += [".TP", f"\\fB{_escaped(name)}\\fR", _escaped(text)]
    return "\n".join(lines) + "\n"


def _group(group: str, verbs: dict[str, str]) -> str:
    lines = [_title(f"sampan-{group}")]
    lines += _section("NAME", f"sampan\\-{group} \\- {_escaped(usage.GROUPS[group])}")
    lines += _section("SYNOPSIS", f"\\fBsampan {group}\\fR \\fICOMMAND\\fR")
    lines.append(".SH COMMANDS")
    for name, path in verbs.items():
        verb = dispatch.load(path)
        if not getattr(verb, "HIDDEN", False):
            lines += [".TP", f"\\fB{_escaped(name)}\\fR", _escaped(verb.SHORT)]
    return "\n".join([*lines, *_section("SEE ALSO", "\\fBsampan\\fR(1)")]) + "\n"


def _page(words: str, name: str, verb: ModuleType) -> str:
    lines = [_title(name), *_section("NAME", f"{_escaped(name)} \\- {_escaped(verb.SHORT)}")]
    lines += _section("SYNOPSIS", f"\\fBsampan {_escaped(words)}\\fR {_escaped(verb.USAGE)}".rstrip())
    if len(verb.ALIASES) > 1:
        aliases = ", ".join(f"\\fBsampan {_escaped(alias)}\\fR" for alias in verb.ALIASES)
        lines += _section("ALIASES", aliases)
    if verb.FLAGS:
        lines += _options(verb.FLAGS)
    return "\n".join([*lines, *_section("SEE ALSO", "\\fBsampan\\fR(1)")]) + "\n"


def _options(flags: Sequence[Flag]) -> list[str]:
    lines = [".SH OPTIONS"]
    for flag in sorted(flags, key=lambda flag: flag[0]):
        if not flag[4]:
            continue
        first, *rest = usage.full_text(flag).split("\n")
        lines += [".TP", f"\\fB{_escaped(usage.head(flag).strip())}\\fR", _escaped(first)]
        lines += [line for text in rest for line in (".br", _escaped(text))]
    return lines


def _title(name: str) -> str:
    from sampan.cli.system.version import VERSION

    return f'.TH "{name.upper()}" 1 "" "sampan {VERSION}" "sampan"'


def _section(title: str, text: str) -> list[str]:
    return [f".SH {title}", text]


def _escaped(text: str) -> str:
    """Backslashes and hyphens as they are; no line is a request (man(7), groff(7))."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text
