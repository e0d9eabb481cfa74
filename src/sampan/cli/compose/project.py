"""The flags between `compose` and its verb, and the project that they mean."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.compose.discover import Wanted
    from sampan.compose.load import Loaded
    from sampan.compose.model import Project
    from sampan.compose.observe import Container
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
PERSISTENT = (("dry-run", "", "bool", False, "Show what would be done, and do nothing"),)
_PULL = ("", "always", "missing", "never", "build", "if_not_present", "policy")
_PROGRESS = ("auto", "tty", "plain", "json", "quiet", "rawjson")


_VARIABLES = {"ansi": "COMPOSE_ANSI", "progress": "COMPOSE_PROGRESS"}


def check(options: Values) -> None:
    for name, variable in _VARIABLES.items():
        if name not in options.changed and console.environment(variable):
            options[name] = console.environment(variable)
    if console.environment("COMPOSE_COMPATIBILITY").lower() in ("1", "true"):
        options["compatibility"] = True
    if options["progress"] not in _PROGRESS:
        raise ExitWith(1, f'unsupported --progress value "{options["progress"]}"')
    if options["ansi"] not in ("never", "always", "auto"):
        raise ExitWith(1, f'unsupported --ansi value "{options["ansi"]}"')


def wanted(session: Session) -> Wanted:
    import os

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
    """The project with all of its services. Its files are read once: one of them may be standard input, and
    what there is to be said of them is said once."""
    if session.project is None:
        asked = wanted(session)
        from sampan.compose.load import load

        def say(text: str) -> None:
            session.warned = True
            warn(text)

        session.project = load(asked, say)
    return session.project


def narrow(
    session: Session, loaded: Loaded, names: Sequence[str] = (), *, dependencies: bool = True
) -> Mapping:
    """The services that are enabled, or `names` and what they need, with the resources that they use."""
    from sampan.compose import select

    chosen = select.chosen(loaded.tree, loaded.found.profiles, names, dependencies=dependencies)
    found = select.narrowed(loaded.tree, chosen)
    return found if session.group["all-resources"] else select.pruned(found)


def model(
    session: Session, loaded: Loaded, names: Sequence[str] = (), *, dependencies: bool = True
) -> Project:
    """The narrowed project as what plans are made from."""
    return _converted(session, loaded, narrow(session, loaded, names, dependencies=dependencies))


def everything(session: Session, loaded: Loaded) -> Project:
    """The project with the services of all profiles."""
    return _converted(session, loaded, loaded.tree)


def _converted(session: Session, loaded: Loaded, tree: Mapping) -> Project:
    from sampan.compose import select
    from sampan.compose.model import project as convert

    found = convert(tree)
    found.directory = loaded.found.directory
    found.files = list(loaded.found.files)
    found.variables = dict(loaded.found.variables)
    url = session.default_host
    found.separator = "_" if session.group["compatibility"] else "-"
    found.socket = url.removeprefix("unix://") if url.startswith("unix://") else ""
    found.known = list(select.services(loaded.tree))
    return found


def remove_orphans(options: Values) -> bool:
    wanted = console.environment("COMPOSE_REMOVE_ORPHANS").lower() in ("1", "true")
    return bool(options["remove-orphans"]) or (wanted and "remove-orphans" not in options.changed)


def pull_policy(flag: str) -> str:
    """What `--pull` says for all services; "": what each says itself."""
    if flag not in _PULL:
        raise ExitWith(1, f'invalid --pull option "{flag}"')
    return {"if_not_present": "missing", "policy": ""}.get(flag, flag)


def only_present(found: Project) -> None:
    """Without dependencies (`--no-deps`) what they say about each other does not count."""
    for service in found.services.values():
        service.depends_on = {name: how for name, how in service.depends_on.items() if name in found.services}


def load_if_any(session: Session) -> tuple[str, Loaded | None]:
    """(name of the project, the project): a name alone will do for what works by labels."""
    from sampan.errors import NotFound

    try:
        loaded = load(session)
    except NotFound:
        asked = wanted(session)
        name = asked.name or asked.variables.get("COMPOSE_PROJECT_NAME", "")
        if not name or asked.files:
            raise
        return name, None
    return loaded.name, loaded


def whole(session: Session) -> Project:
    """What the files say of all services; of a project that has none here, its name."""
    from sampan.compose.model import Project

    name, loaded = load_if_any(session)
    return everything(session, loaded) if loaded is not None else Project(name)


def containers(
    session: Session, services: Sequence[str] = (), *, all: bool, oneoff: bool = False
) -> tuple[str, list[Container]]:
    """(name of the project, its containers, those of `services` only). Raises NotFound for a service that
    neither the files nor the daemon know."""
    name, loaded = load_if_any(session)
    from sampan.compose import observe, select
    from sampan.compose.kinds import near_miss
    from sampan.errors import NotFound

    found = observe.containers(session.client, name, all=all)
    known = {item.service for item in found}
    if loaded is not None:
        known |= set(select.services(loaded.tree))
    for service in services:
        if service not in known:
            raise NotFound(f"no such service: {service}{near_miss(service, sorted(known))}")
    chosen = [
        item for item in found if (not services or item.service in services) and (oneoff or not item.oneoff)
    ]
    return name, sorted(chosen, key=lambda item: (item.service, item.number, item.name))


def of_files(session: Session, found: list[Container]) -> list[Container]:
    """Without those of services that the files do not have; all of them, where there are no files."""
    _, loaded = load_if_any(session)
    if loaded is None:
        return found
    from sampan.compose import select

    known = select.services(loaded.tree)
    return [item for item in found if item.service in known]


def one(session: Session, service: str, index: int = 0, *, running: bool = True) -> Container:
    """The container of a service that a command works in: the first that runs (or is there), or the one of
    `index`."""
    _, found = containers(session, [service], all=not running)
    if index:
        found = [item for item in found if item.number == index]
    if not found:
        text = f'service "{service}" ' + ("is not running" if running else "has no container")
        raise ExitWith(1, f"{text} container #{index}" if index else text)
    return found[0]
