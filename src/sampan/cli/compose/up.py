"""`sampan compose up`."""

from __future__ import annotations

import time

from sampan.cli.compose import progress, project, remembered
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session
    from sampan.compose.model import Project
    from sampan.compose.observe import Observed
    from sampan.compose.plan import Options
    from sampan.compose.steps import Step

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Create and start containers"
ALIASES = ("compose up",)
ARGUMENTS = (0, None)
FLAGS = (
    (
        "abort-on-container-exit",
        "",
        "bool",
        False,
        "Stops all containers if any container was stopped. Incompatible with -d",
    ),
    (
        "abort-on-container-failure",
        "",
        "bool",
        False,
        "Stops all containers if any container exited with failure. Incompatible with -d",
    ),
    (
        "always-recreate-deps",
        "",
        "bool",
        False,
        "Recreate dependent containers. Incompatible with --no-recreate",
    ),
    ("attach", "", "list", None, "Restrict attaching to the specified services. Incompatible with -d"),
    ("attach-dependencies", "", "bool", False, "Automatically attach to log output of dependent services"),
    ("build", "", "bool", False, "Build images before starting containers"),
    ("detach", "d", "bool", False, "Detached mode: Run containers in the background"),
    (
        "exit-code-from",
        "",
        "string",
        "",
        "Return the exit code of the selected service container. Implies --abort-on-container-exit",
    ),
    (
        "force-recreate",
        "",
        "bool",
        False,
        "Recreate containers even if their configuration and image haven't changed",
    ),
    ("menu", "", "bool", False, "Enable interactive shortcuts when running attached"),
    ("no-attach", "", "list", None, "Do not attach (stream logs) to the specified services"),
    ("no-build", "", "bool", False, "Don't build an image, even if it's policy"),
    ("no-color", "", "bool", False, "Produce monochrome output"),
    ("no-deps", "", "bool", False, "Don't start linked services"),
    ("no-log-prefix", "", "bool", False, "Don't print prefix in logs"),
    (
        "no-recreate",
        "",
        "bool",
        False,
        "If containers already exist, don't recreate them. Incompatible with --force-recreate",
    ),
    ("no-start", "", "bool", False, "Don't start the services after creating them"),
    ("pull", "", "string", "", 'Pull image before running ("always"|"missing"|"never")'),
    ("quiet-build", "", "bool", False, "Suppress the build output"),
    ("quiet-pull", "", "bool", False, "Pull without printing progress information"),
    ("remove-orphans", "", "bool", False, "Remove containers for services not defined in the Compose file"),
    (
        "renew-anon-volumes",
        "V",
        "bool",
        False,
        "Recreate anonymous volumes instead of retrieving data from the previous containers",
    ),
    ("scale", "", "list", None, "Scale SERVICE to NUM instances (SERVICE=NUM)"),
    ("timeout", "t", "int", 0, "Use this timeout in seconds for container shutdown"),
    ("timestamps", "", "bool", False, "Show timestamps"),
    ("wait", "", "bool", False, "Wait for services to be running|healthy. Implies detached mode"),
    (
        "wait-timeout",
        "",
        "int",
        0,
        "Maximum duration in seconds to wait for the project to be running|healthy",
    ),
    ("watch", "w", "bool", False, "Watch source code and rebuild/refresh containers when files are updated"),
    ("yes", "y", "bool", False, 'Assume "yes" as answer to all prompts'),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    _check(options)
    if _quick(session, options) and (told := remembered.told(session)) is not None:
        say = progress.report(session)
        for line in told:
            say(*line)
        return 0
    began = time.time_ns()
    from sampan.cli.compose import converge

    loaded = project.load(session)
    found = project.model(session, loaded, arguments, dependencies=not options["no-deps"])
    if not found.services:
        raise ExitWith(1, "no service selected")
    project.only_present(found)
    wishes = _wishes(options, found, arguments)
    if session.group["dry-run"]:
        return converge.dry_run(session, found, wishes)
    if options["watch"]:
        from sampan.compose import develop

        develop.rules(found)  # nothing is started for what cannot be watched
    work, steps, observed = converge.prepare(
        session, found, wishes, quiet_pull=options["quiet-pull"], quiet_build=options["quiet-build"]
    )
    work.timeout = options["timeout"] if "timeout" in options.changed else None
    work.renew = options["renew-anon-volumes"]
    from sampan.compose.apply import apply

    if options["detach"] or options["wait"] or options["no-start"]:
        apply(work, steps)
        if _quick(session, options):
            _remember(session, found, wishes, (steps, observed), began)
        if options["wait"]:
            from sampan.compose import settling
            from sampan.compose import steps as kinds

            settling.settle(
                session.client,
                found.name,
                [name for service in found.services for name in work.names[service]],
                work.hands.report,
                seconds=float(options["wait-timeout"]),
                fresh=[step.name for step in steps if isinstance(step, kinds.StartContainer)],
            )
        return 0
    from sampan.cli.compose import attached

    return attached.run(session, work, steps, options, arguments)


def _quick(session: Session, options: Values) -> bool:
    """Whether there may be nothing to do but to say so."""
    plain = ("build", "wait", "no-start", "force-recreate", "always-recreate-deps", "watch")
    return options["detach"] and not any(options[name] for name in plain) and not session.group["dry-run"]


def _remember(
    session: Session,
    found: Project,
    wishes: Options,
    looked: tuple[list[Step], Observed],
    began: int,
) -> None:
    """Unless there was something to do, or to be said that is to be said each time, or time alone brings
    something."""
    from sampan.compose import plan
    from sampan.compose.steps import KeepContainer

    steps, observed = looked
    kept = [step for step in steps if isinstance(step, KeepContainer)]
    by_time = any(
        one.pull_policy.startswith(("daily", "weekly", "every_")) for one in found.services.values()
    )
    said = session.warned or found.idle or plan.orphans(found, observed)
    if len(kept) < len(steps) or by_time or said or plan.images(found, observed, wishes):
        return
    told = [("Container", step.name, "Running") for step in kept]
    remembered.remember(session, found, observed, told, began)


def _check(options: Values) -> None:
    detached = options["detach"] or options["wait"]
    aborts = ("abort-on-container-exit", "abort-on-container-failure")
    if options["wait"] and (
        options["attach"] or options["attach-dependencies"] or any(map(options.get, aborts))
    ):
        raise ExitWith(
            1, "--wait cannot be combined with --abort-on-container-exit, --attach or --attach-dependencies"
        )
    if options["force-recreate"] and options["no-recreate"]:
        raise ExitWith(1, "--force-recreate and --no-recreate are incompatible")
    if options["always-recreate-deps"] and options["no-recreate"]:
        raise ExitWith(1, "--always-recreate-deps and --no-recreate are incompatible")
    if options["build"] and options["no-build"]:
        raise ExitWith(1, "--build and --no-build are incompatible")
    attaching = (*aborts, "attach", "attach-dependencies", "watch")
    if detached and any(options[name] for name in attaching):
        raise ExitWith(
            1,
            "--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, "
            "--attach, --attach-dependencies or --watch",
        )
    if options["attach"] and options["attach-dependencies"]:
        raise ExitWith(1, "cannot combine --attach and --attach-dependencies")


def _wishes(options: Values, found: Project, arguments: list[str]) -> Options:
    from sampan.compose import plan

    return plan.Options(
        force=options["force-recreate"],
        keep=options["no-recreate"],
        force_dependencies=options["always-recreate-deps"],
        build=options["build"],
        no_build=options["no-build"],
        pull=project.pull_policy(options["pull"]),
        orphans=project.remove_orphans(options),
        start=not options["no-start"],
        scale=plan.scale_of(options["scale"], found),
        named=frozenset(arguments),
    )
