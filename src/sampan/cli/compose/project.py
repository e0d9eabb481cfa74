"""The flags between `compose` and its verb, and the project that they mean."""

from __future__ import annotations

import os

from sampan.cli import console
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.compose.discover import Wanted
    from sampan.compose.load import Loaded
    from sampan.compose.tree import Mapping

FLAGS = (
    ("all-resources", "", "bool", False, "Include all resources, even those not used by services"),
    ("ansi", "", "string", "auto", 'When to print ANSI control characters ("never"|"always"|"auto")'),
    ("compatibility", "", "bool", False, "Run compose in backward compatibility mode"),
    ("dry-run", "", "bool", False, "Show what would be done, and do nothing"),
    ("env-file", "", "list", None, "Specify an alternate environment file"),
    ("file", "f", "list", None, "Compose configuration files"),
    ("parallel", "", "int", -1, "Control max parallelism, -1 for unlimited"),
    ("profile", "", "list", None, "Specify a profile to enable"),
    ("progress", "", "string", "auto", "Set type of progress output (auto, tty, plain, json, quiet)"),
    ("project-directory", "", "string", "", "Specify an alternate working directory"),
    ("project-name", "p", "string", "", "Project name"),
    ("verbose", "", "bool", False, "Show more output"),
    ("version", "v", "bool", False, "Show the Docker Compose version information"),
    ("workdir", "", "string", "", ""),
)
_PROGRESS = ("auto", "tty", "plain", "json", "quiet", "rawjson")


def check(options: Values) -> None:
    if options["progress"] not in _PROGRESS:
        raise ExitWith(1, f'unsupported --progress value "{options["progress"]}"')
    if options["ansi"] not in ("never", "always", "auto"):
        raise ExitWith(1, f'unsupported --ansi value "{options["ansi"]}"')


def wanted(session: Session) -> Wanted:
    from sampan.cli import libraries

    libraries.enable()
    from sampan.compose.discover import Wanted

    options = session.group
    return Wanted(
        os.getcwd(),
        dict(os.environ),
        options["file"],
        options["project-name"],
        options["project-directory"] or options["workdir"],
        options["env-file"],
        options["profile"],
    )


def warn(text: str) -> None:
    """A line of the kind that Docker's logger writes."""
    console.error(f"WARN[0000] {text} " if "`version`" in text else f"WARN[0000] {text}")


def load(session: Session) -> Loaded:
    """The project with all of its services."""
    asked = wanted(session)
    from sampan.compose.load import load

    return load(asked, warn)


def narrow(loaded: Loaded, names: Sequence[str] = (), *, dependencies: bool = True) -> Mapping:
    """The services that are enabled, or `names` and what they need."""
    from sampan.compose import select

    chosen = select.chosen(loaded.tree, loaded.found.profiles, names, dependencies=dependencies)
    return select.narrowed(loaded.tree, chosen)
