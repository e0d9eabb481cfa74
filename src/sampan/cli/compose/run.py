"""`sampan compose run`: one container more, for one command."""

from __future__ import annotations

import os

from sampan.cli import console
from sampan.cli.compose import converge, project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.compose.apply import Work
    from sampan.compose.model import Project, Service
    from sampan.compose.plan import Options

USAGE = "[OPTIONS] SERVICE [COMMAND] [ARGS...]"
SHORT = "Run a one-off command on a service"
ALIASES = ("compose run",)
ARGUMENTS = (1, None)
INTERSPERSED = False
FLAGS = (
    ("build", "", "bool", False, "Build image before starting container"),
    ("cap-add", "", "list", None, "Add Linux capabilities"),
    ("cap-drop", "", "list", None, "Drop Linux capabilities"),
    ("detach", "d", "bool", False, "Run container in background and print container ID"),
    ("entrypoint", "", "string", "", "Override the entrypoint of the image"),
    ("env-from-file", "", "list", None, "Set environment variables from file"),
    ("env", "e", "list", None, "Set environment variables"),
    ("interactive", "i", "bool", True, "Keep STDIN open even if not attached"),
    ("label", "l", "list", None, "Add or override a label"),
    ("name", "", "string", "", "Assign a name to the container"),
    ("no-TTY", "T", "bool", False, "Disable pseudo-TTY allocation (default: auto-detected)"),
    ("no-deps", "", "bool", False, "Don't start linked services"),
    ("pull", "", "string", "", 'Pull image before running ("always"|"missing"|"never")'),
    ("publish", "p", "list", None, "Publish a container's port(s) to the host"),
    ("quiet", "q", "bool", False, "Don't print anything to STDOUT"),
    ("quiet-build", "", "bool", False, "Suppress progress output from the build process"),
    ("quiet-pull", "", "bool", False, "Pull without printing progress information"),
    ("remove-orphans", "", "bool", False, "Remove containers for services not defined in the Compose file"),
    ("rm", "", "bool", False, "Automatically remove the container when it exits"),
    (
        "service-ports",
        "P",
        "bool",
        False,
        "Run command with all service's ports enabled and mapped to the host",
    ),
    ("tty", "t", "bool", True, ""),
    ("use-aliases", "", "bool", False, "Use the service's network useAliases in the network(s)"),
    ("user", "u", "string", "", "Run as specified username or uid"),
    ("volume", "v", "list", None, "Bind mount a volume"),
    ("workdir", "w", "string", "", "Working directory inside the container"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, *command = arguments
    loaded = project.load(session)
    found = project.model(session, loaded, [name], dependencies=not options["no-deps"])
    service = found.services[name]
    if session.group["dry-run"]:
        return converge.dry_run(session, found, plan_options(options))
    work = _neighbours(session, options, found, name)
    identity = _create(work, options, service, command)
    if options["detach"]:
        from sampan.client.container.start import start

        start(session.client, identity)
        console.out(identity)
        return 0
    return _attached(session, options, identity, tty=service.tty)


def plan_options(options: Values) -> Options:
    from sampan.compose import plan

    return plan.Options(
        build=options["build"],
        orphans=project.remove_orphans(options),
        pull=project.pull_policy(options["pull"]),
    )


def _neighbours(session: Session, options: Values, found: Project, name: str) -> Work:
    """What the service depends on comes up; of the service itself its image is seen to, and its networks."""
    from sampan.compose import plan, starting
    from sampan.compose.apply import apply
    from sampan.compose.steps import CreateContainer, KeepContainer, RemoveContainer, StartContainer

    found.services[name].depends_on = {
        other: how for other, how in found.services[name].depends_on.items() if other in found.services
    }
    quiet = options["quiet"]
    work, steps, observed = converge.prepare(
        session,
        found,
        plan_options(options),
        quiet_pull=quiet or options["quiet-pull"],
        quiet_build=quiet or options["quiet-build"],
    )
    own = {item.name for item in observed.of_service(name)}
    kept = []
    for step in steps:
        mine = isinstance(step, CreateContainer | StartContainer | KeepContainer) and step.service == name
        if not mine and not (isinstance(step, RemoveContainer) and step.name in own):
            kept.append(step)
    apply(work, kept)
    wanted = plan.conditions(found.services[name], work.names)
    starting.hold(session.client, found, wanted, work.hands.report)
    return work


def _create(work: Work, options: Values, service: Service, command: list[str]) -> str:
    from sampan.compose import apply, container, labels

    _override(options, service, command)
    slug = os.urandom(6).hex()
    image = work.images.get(work.project.image_of(service), "")
    given = labels.of_container(work.project, service, 1, image, oneoff=True)
    given[labels.SLUG] = slug
    name = options["name"] or work.project.joined(service.name, "run", slug)
    aliases = (name, service.name) if options["use-aliases"] else (name,)
    creation = container.creation(work.project, service, name, given, work.names, aliases=aliases)
    host = creation.body["HostConfig"]
    host["AutoRemove"] = options["rm"]
    if options["volume"]:
        host["Binds"] = [*host.get("Binds", ()), *map(_bind, options["volume"])]
    attached = not options["detach"]
    creation.body.update(
        {
            "OpenStdin": options["interactive"],
            "StdinOnce": options["interactive"] and attached,
            "AttachStdin": options["interactive"] and attached,
        }
    )
    return apply.make(work.client, work.project, service, creation, name)


def _override(options: Values, service: Service, command: list[str]) -> None:
    """The flags over what the file says."""
    if command:
        service.command = command
    if "entrypoint" in options.changed:
        import shlex

        service.entrypoint = shlex.split(options["entrypoint"])
        service.command = command or None
    for file in options["env-from-file"]:
        from sampan.compose import discover, dotenv

        service.environment |= dotenv.parse(discover.read(file), file, dict(os.environ), lambda name: None)
    for text in options["env"]:
        name, equals, value = text.partition("=")
        service.environment[name] = value if equals else console.environment(name) or None
    for text in options["label"]:
        name, _, value = text.partition("=")
        service.labels[name] = value
    service.user = options["user"] or service.user
    service.working_dir = options["workdir"] or service.working_dir
    service.cap_add = [*service.cap_add, *options["cap-add"]]
    service.cap_drop = [*service.cap_drop, *options["cap-drop"]]
    service.container_name, service.restart = "", ""
    _ports(options, service)
    terminal = console.is_terminal(console.STDIN) and console.is_terminal(console.STDOUT)
    service.tty = terminal and options["tty"] and not options["no-TTY"] and not options["detach"]


def _ports(options: Values, service: Service) -> None:
    from sampan.compose.model import Port
    from sampan.errors import InvalidArgument

    if not options["service-ports"]:
        service.ports = []
    for text in options["publish"]:
        from sampan.compose import shortforms
        from sampan.compose.kinds import At
        from sampan.compose.tree import Mapping, Mark, Scalar, Sequence, data

        mark = Mark("--publish", 0)
        found = shortforms.ports(Sequence([Scalar(text, mark)], mark), At())
        for item in found.items if isinstance(found, Sequence) else []:
            said = data(item) if isinstance(item, Mapping) else None
            if not isinstance(said, dict):
                raise InvalidArgument(f"invalid publish {text}")
            service.ports.append(
                Port(
                    target=said["target"],
                    published=said.get("published", ""),
                    host_ip=said.get("host_ip", ""),
                    protocol=said["protocol"],
                )
            )


def _bind(text: str) -> str:
    source, colon, rest = text.partition(":")
    if colon and source.startswith((".", "~")):
        source = os.path.abspath(os.path.expanduser(source))
    return source + colon + rest


def _attached(session: Session, options: Values, identity: str, *, tty: bool) -> int:
    from sampan.cli.container import run as inner
    from sampan.cli.flags import Values

    given = Values(inner.FLAGS)
    given.update({"tty": tty, "rm": options["rm"], "sig-proxy": True})
    stdin = bool(options["interactive"])
    config = {"AttachStdin": stdin, "AttachStdout": True, "AttachStderr": True}
    return inner.attached(session, given, config, identity)
