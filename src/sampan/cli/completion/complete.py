"""`sampan __complete WORDS… CURRENT`: what may stand where CURRENT is.

One candidate a line, a tab, what it is; at last `:N`, whose bits say what the shell adds: 2 no space, 4 no
names of files. It is the protocol of cobra (https://github.com/spf13/cobra), so the scripts that come with
Docker's client work with a link called docker, too.
"""

from __future__ import annotations

from sampan.cli import commands, console, dispatch
from sampan.cli.completion import live
from sampan.cli.completion.candidates import FILES, NO_FILES
from sampan.cli.flags import FlagError, HelpWanted, Parser, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from sampan.cli.completion.candidates import Candidates
    from sampan.cli.flags import Flag


class Walk:
    """The words so far, by a table of flags: `arguments`, and the flag whose value comes next (`pending`)."""

    def __init__(self, flags: Sequence[Flag], words: Sequence[str], *, interspersed: bool) -> None:
        self.arguments: list[str] = []
        self.pending: Flag | None = None
        self.ended = False  # no flag may come any more
        self._flags = flags
        for index, word in enumerate(words):
            if self.pending is not None:
                self.pending = None
            elif self.ended or len(word) < 2 or word[0] != "-":
                self.arguments.append(word)
                if not interspersed:
                    self.arguments += words[index + 1 :]
                    self.ended = True
                    return
            elif word == "--":
                self.ended = True
            else:
                self.pending = self._open(word)

    def named(self, word: str) -> Flag | None:
        """The flag that `--name=…` means."""
        name = word[2:].partition("=")[0]
        return next((flag for flag in self._flags if flag[0] == name), None)

    def _open(self, word: str) -> Flag | None:
        if word.startswith("--"):
            flag = None if "=" in word else self.named(word)
            return flag if flag is not None and flag[2] != "bool" else None
        for position, letter in enumerate(word[1:], 2):
            flag = next((flag for flag in self._flags if flag[1] == letter), None)
            if flag is not None and flag[2] != "bool":
                return flag if position == len(word) else None
        return None


def main(words: Sequence[str]) -> int:
    """Print them; whatever goes wrong, nothing is printed but the end."""
    before, current = list(words[:-1]), words[-1] if words else ""
    found, directive = candidates(before, current)
    lines = [f"{value}\t{text}" if text else value for value, text in found if value.startswith(current)]
    if "=" in current and current.startswith("--"):
        wanted = current.partition("=")[2]
        lines = [f"{value}\t{text}" if text else value for value, text in found if value.startswith(wanted)]
    console.out("\n".join([*lines, f":{directive}"]))
    return 0


def candidates(words: list[str], current: str) -> Candidates:  # noqa: PLR0911 (one for each place)
    walk = Walk(dispatch.GLOBAL_FLAGS, words, interspersed=False)
    if walk.pending is not None:
        return live.of_flag(_options(words), walk.pending)
    if not walk.arguments:
        if current.startswith("-"):
            return _flags(walk, dispatch.GLOBAL_FLAGS, current, words)
        return _listed({**commands.VERBS, **dict.fromkeys(commands.GROUPS, "")}), NO_FILES
    first, *rest = walk.arguments
    if first == "help":
        return candidates(rest, current) if not current.startswith("-") else ([], NO_FILES)
    if first in commands.VERBS:
        return _of_verb(words, commands.VERBS[first], rest, current)
    group = commands.GROUPS.get(first)
    if group is None:
        return [], NO_FILES
    if not rest:
        return ([], NO_FILES) if current.startswith("-") else (_listed(group), NO_FILES)
    second = commands.GROUP_ALIASES.get(first, {}).get(rest[0], rest[0])
    return _of_verb(words, group[second], rest[1:], current) if second in group else ([], NO_FILES)


def _of_verb(words: list[str], path: str, rest: list[str], current: str) -> Candidates:
    verb = dispatch.load(path)
    walk = Walk(verb.FLAGS, rest, interspersed=getattr(verb, "INTERSPERSED", True))
    if walk.pending is not None:
        return live.of_flag(_options(words), walk.pending)
    if current.startswith("-") and not walk.ended:
        return _flags(walk, verb.FLAGS, current, words)
    if not _takes_more(verb, len(walk.arguments)):
        return [], NO_FILES
    return live.of_argument(_options(words), path, walk.arguments)


def _takes_more(verb: ModuleType, count: int) -> bool:
    most = verb.ARGUMENTS[1]
    return most is None or count < most


def _flags(walk: Walk, flags: Sequence[Flag], current: str, words: list[str]) -> Candidates:
    if "=" in current:
        flag = walk.named(current)
        return ([], FILES) if flag is None else live.of_flag(_options(words), flag)
    found = []
    for name, short, _, _, text in flags:
        if text:
            line = "Show items by a form" if text.startswith("@") else text.partition("\n")[0]
            found.append((f"--{name}", line))
            if short and not current.startswith("--"):
                found.append((f"-{short}", line))
    return [*found, ("--help", "Print usage")], NO_FILES


def _listed(names: dict[str, str]) -> list[tuple[str, str]]:
    from sampan.cli import usage

    found = []
    for name, path in sorted(names.items()):
        verb = dispatch.load(path) if path else None
        if verb is None:
            found.append((name, usage.GROUPS.get(name, "")))
        elif not getattr(verb, "HIDDEN", False):
            found.append((name, verb.SHORT))
    return found


def _options(words: list[str]) -> Values:
    """The global flags, as far as they are well formed."""
    parser = Parser(dispatch.GLOBAL_FLAGS, interspersed=False)
    try:  # noqa: SIM105 (contextlib costs milliseconds to import)
        parser.parse(words)
    except (FlagError, HelpWanted):
        pass
    return parser.values
