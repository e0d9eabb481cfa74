"""`sampan build`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.image import build_context, build_display, build_options
from sampan.client.image.build import build
from sampan.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.image.build_context import Context
    from sampan.cli.image.build_output import Delivery
    from sampan.cli.session import Session

USAGE = "[OPTIONS] PATH | URL | -"
SHORT = "Build an image from a Dockerfile"
ALIASES = ("image build", "build", "builder build")
ARGUMENTS = (1, 1)
FLAGS = (
    ("add-host", "", "list", None, "Add a custom host-to-IP mapping (host:ip)"),
    ("allow", "", "list", None, "Allow an entitlement (network.host, security.insecure)"),
    ("build-arg", "", "list", None, "Set a variable of the Dockerfile"),
    ("build-context", "", "list", None, "Additional context (name=path, name=docker-image://ref)"),
    (
        "cache-from",
        "",
        "list",
        None,
        "Cache to look into besides our own (image, type=registry,ref=image, type=local,src=directory)",
    ),
    (
        "cache-to",
        "",
        "list",
        None,
        "Where the cache goes, too (type=registry,ref=image, type=local,dest=directory, type=inline)",
    ),
    ("cgroup-parent", "", "string", "", "Parent cgroup of the RUN instructions"),
    ("check", "", "bool", False, "Look at the Dockerfile only, and build nothing"),
    ("compress", "", "bool", False, ""),
    ("cpu-period", "", "int", 0, "Length of a CPU scheduler period"),
    ("cpu-quota", "", "int", 0, "CPU time in each period"),
    ("cpu-shares", "c", "int", 0, "CPU shares (relative weight)"),
    ("cpuset-cpus", "", "string", "", "CPUs in which to allow execution (0-3, 0,1)"),
    ("cpuset-mems", "", "string", "", "MEMs in which to allow execution (0-3, 0,1)"),
    ("disable-content-trust", "", "bool", True, ""),
    ("file", "f", "string", "", 'Name of the Dockerfile (default "PATH/Dockerfile")'),
    ("force-rm", "", "bool", False, ""),
    ("iidfile", "", "string", "", "Write the image's ID to the file"),
    ("isolation", "", "string", "", ""),
    ("label", "", "list", None, "Set metadata of the image"),
    ("load", "", "bool", False, ""),
    ("memory", "m", "bytes", 0, "Memory limit"),
    ("memory-swap", "", "memory-swap", 0, "Memory and swap together: -1 for unlimited swap"),
    ("metadata-file", "", "string", "", "Write the build's result as JSON to the file"),
    ("network", "", "string", "default", "Networking of the RUN instructions: default, none, host"),
    ("no-cache", "", "bool", False, "Do not use the cache"),
    ("no-cache-filter", "", "list", None, "Do not use the cache for these stages"),
    ("output", "o", "list", None, "Where the result goes (type=local,dest=path)"),
    ("platform", "", "string", "", "Platform of the image"),
    ("progress", "", "string", "auto", "How progress is shown: auto, plain, tty, quiet, rawjson"),
    ("pull", "", "bool", False, "Always look for newer base images"),
    ("push", "", "bool", False, "Push the image to its registry"),
    ("quiet", "q", "bool", False, "Print nothing but the image's ID"),
    ("rm", "", "bool", True, ""),
    (
        "secret",
        "",
        "list",
        None,
        "Secret for RUN --mount=type=secret (id=name,src=path, id=name,env=variable)",
    ),
    ("security-opt", "", "list", None, ""),
    ("shm-size", "", "bytes", 0, "Size of /dev/shm"),
    ("squash", "", "bool", False, ""),
    ("ssh", "", "list", None, "SSH agent for RUN --mount=type=ssh (default, id=socket)"),
    ("tag", "t", "list", None, "Name of the image (name[:tag])"),
    ("target", "", "string", "", "The stage to build"),
    ("ulimit", "", "ulimit", None, "Ulimit of the RUN instructions"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["security-opt"]:
        text = "The daemon on this platform does not support setting security options on build"
        raise ExitWith(1, f"Error response from daemon: {text}")
    context = build_context.prepare(session, options, arguments[0])
    from sampan.cli.image import build_output

    outputs = build_output.parse(options["output"], push=options["push"])
    names = options["tag"]
    options["tag"] = build_output.tags(names, outputs, load=options["load"])
    built = run(session, options, context)
    if options["check"]:
        return 0
    try:
        _deliver(session, options, built, build_output.Delivery(outputs, names))
    finally:
        if build_output.leaves_no_image(outputs, load=options["load"]):
            build_output.forget(session, built)
    return 0


def _deliver(session: Session, options: Values, built: dict[str, Any], delivery: Delivery) -> None:
    from sampan.cli.image import build_output

    image = str(built["ID"])
    if options["iidfile"]:
        build_output.write_file(options["iidfile"], image.encode())
    if options["metadata-file"]:
        build_output.write_metadata(options["metadata-file"], image, built.get("tags") or [])
    build_output.deliver(session, delivery.outputs, image, names=delivery.names)
    if options["quiet"]:
        console.out(image)


def run(session: Session, options: Values, context: Context) -> dict[str, Any]:
    """Build it, show it, and write its cache: what the daemon says of the image."""
    if not options["cache-to"]:
        return _here_or_sent(session, options, context)
    from sampan.cli.image import build_cache

    build_cache.targets(options["cache-to"])
    built = _here_or_sent(session, options, context)
    build_cache.write(session, built, options["cache-to"])
    return built


def _here_or_sent(session: Session, options: Values, context: Context) -> dict[str, Any]:
    try:
        return _once(session, options, context)
    except Conflict as error:
        if not context.directory:
            raise
        context.send()  # the daemon does not see our files
        try:
            return _once(session, options, context)
        except Conflict:
            raise error from None


def _once(session: Session, options: Values, context: Context) -> dict[str, Any]:
    parameters = build_options.parameters(options, context)
    own = build_options.own(options, context)
    registries = build_options.registries(session)
    exchange = build(session.client, parameters, own, context.tar(), registries=registries)
    shown = build_display.display(options["progress"], quiet=options["quiet"])
    try:
        found = build_display.follow(exchange, shown, context.name)
    except KeyboardInterrupt:
        exchange.close()
        raise ExitWith(130, "ERROR: failed to build: failed to solve: Canceled: context canceled") from None
    if options["check"]:
        build_display.summary(int(found.get("warnings") or 0))
    return found
